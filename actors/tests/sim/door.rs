//! Between a room and the registry of its process: how the room is found, comes to life, and goes.

use std::rc::Rc;

use colloquy_actors::{
    ids::{SessionNo, UserId},
    journal::JournalError,
    logged::LoggedRoom,
    protocol::{codes::CloseCode, meeting::Caller as Who},
    registry::{Beginner, Came, Found, Founder, RoomHandle as _, host::Loading},
    room::{
        RoomSettings,
        input::{Notice, Start},
    },
};

use super::{
    client::Client,
    disk::{Fault, Loss},
    net::past,
    outside::{Asker, Place},
    process::{Caller, Job, Mail, SimRoom, Word},
    server::Server,
    trial::id_of,
    world::{Asking, Step, World},
};

/// The ticket of a call of `start`.
pub fn ticket(ask: u64) -> String {
    format!("ticket {ask}")
}

impl World {
    /// Looks for the room of a call of `start`, and begins it where the call says who somebody is.
    pub fn look_for_room(&mut self, ask: u64, client: usize, start: Start) -> Step {
        let is_known = start.identity.is_some();
        let owner = Some(UserId(id_of("alice")));
        let beginner = is_known.then_some(Beginner {
            owner,
            living_max: 0,
            counted: false,
            by: Founder::Owner,
        });
        let mut process = self.process.borrow_mut();
        let as_of = is_known.then(|| process.revisions.current());
        let living = process.rooms.living(self.room);
        if living.is_none() {
            let caller = Caller { room: self.room, ask };
            process.get(caller, beginner);
        }
        drop(process);
        let asking = Asking { client, start, as_of };
        self.asking.insert(ask, asking);
        living.map_or(Ok(()), |room| self.found(ask, Found::Room(room)))
    }

    /// What became of the search for a room. Whoever comes in then is behind all that was said to the room before.
    fn found(&mut self, ask: u64, found: Found<SimRoom>) -> Step {
        while self.hear_word()? {}
        if let Some(session) = self.seeking.remove(&ask) {
            self.go_on(session, &found);
            return Ok(());
        }
        let Some(Asking {
            client,
            mut start,
            as_of,
        }) = self.asking.remove(&ask)
        else {
            return Ok(());
        };
        if start.facts.is_some() {
            // Nobody waits for the registry as long as clocks jump here.
            start.facts = Some(self.draw_facts());
        }
        let is_waiting = self.clients[client].ask == Some(ask);
        match found {
            Found::Room(room) => {
                let its = self.server.as_mut().filter(|server| server.life() == room.life());
                if let Some(server) = its {
                    let asker = Asker { client, ask };
                    if let (None, Some(token)) = (&start.identity, start.resumption) {
                        self.by_token.insert(ask, token);
                    }
                    server.start(start, as_of, asker);
                    return Ok(());
                }
            }
            Found::None if is_waiting && start.identity.is_none() => return self.ask(client, true),
            Found::None | Found::TooMany | Found::Unavailable | Found::Elsewhere => {}
        }
        if is_waiting {
            self.clients[client].ask = None;
        }
        Ok(())
    }

    /// A session whose room is lost looks for its next life.
    fn seek(&mut self) -> bool {
        let Some(session) = self.net.lost() else {
            return false;
        };
        let ask = self.next_number();
        let mut process = self.process.borrow_mut();
        let living = process.rooms.living(self.room);
        if living.is_none() {
            process.get(Caller { room: self.room, ask }, None);
        }
        drop(process);
        if let Some(socket) = self.net.socket(session) {
            socket.seeks = true;
        }
        match living {
            Some(room) => self.go_on(session, &Found::Room(room)),
            None => {
                self.seeking.insert(ask, session);
            }
        }
        true
    }

    /// The next life of a session's room was found, or there is none.
    fn go_on(&mut self, session: SessionNo, found: &Found<SimRoom>) {
        let Some(socket) = self.net.socket(session).filter(|socket| socket.seeks) else {
            return;
        };
        let server = self.server.as_mut();
        match found {
            Found::Room(room) => {
                let (link, asked) = socket.asks_to_go_on();
                match server.filter(|server| server.life() == room.life()) {
                    Some(server) => server.reattach(link, asked),
                    None => socket.seeks = false,
                }
            }
            Found::None => {
                socket.close = Some(CloseCode::Restart);
                self.count("no room to go on in");
            }
            Found::TooMany | Found::Unavailable | Found::Elsewhere => socket.seeks = false,
        }
    }

    /// Registry and room do one thing of what lies between them; whether there was any.
    pub fn attend(&mut self) -> Result<bool, String> {
        let first = self.later.below(5);
        for index in first..first + 5 {
            let is_done = match index % 5 {
                0 => self.read_mail(),
                4 => self.seek(),
                1 => self.do_job()?,
                2 => self.take_answer()?,
                _ => self.hear_word()?,
            };
            if is_done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The registry reads a message, or breaks while it does.
    fn read_mail(&mut self) -> bool {
        let breaks = self.plan.break_registry > 0 && self.later.one_in(60);
        let mut process = self.process.borrow_mut();
        if breaks && process.has_mail() {
            process.break_registry();
            drop(process);
            self.count("registry broken");
            return true;
        }
        process.read()
    }

    fn take_answer(&mut self) -> Result<bool, String> {
        let answer = self.process.borrow_mut().take_answer(self.room);
        let Some((caller, found)) = answer else {
            return Ok(false);
        };
        self.found(caller.ask, found)?;
        Ok(true)
    }

    /// The room hears what was said to it from outside of its meeting.
    fn hear_word(&mut self) -> Result<bool, String> {
        let Some(server) = &mut self.server else {
            return Ok(false);
        };
        let Some(word) = server.handle().next() else {
            return Ok(false);
        };
        match word {
            Word::Tell(notice) => server.tell(notice),
            Word::Notice(notice, revision) => server.notice(notice, revision),
            Word::Sweep => server.sweep(),
            // A server that stops looks for it itself.
            Word::Stop => {}
            Word::MayEnd => server.may_end(),
        }
        self.take_in()?;
        Ok(true)
    }

    /// The room is over, or can't go on.
    pub fn has_ended(&mut self) -> Step {
        let Some(server) = &self.server else { return Ok(()) };
        if !server.is_over() {
            self.tell(|_| "the room ends".to_owned());
            self.count("room failed");
            self.disk.heal();
            self.forget_room();
            return Ok(());
        }
        let disk_failed = server.disk_failed();
        self.tell(|_| "the room is over".to_owned());
        self.count("room over");
        // A log that could not be deleted when the disk failed is still there.
        if !disk_failed && self.disk.has_log() && !self.plan.loses_inputs() {
            return Err("a room that has ended leaves a log".to_owned());
        }
        self.forget_room();
        Ok(())
    }

    /// Makes the room, or does what else is to be done with its journal.
    fn do_job(&mut self) -> Result<bool, String> {
        let job = self.process.borrow_mut().take_job(self.room);
        let Some(job) = job else { return Ok(false) };
        self.tell(|_| format!("work on the journal: {job:?}"));
        if self.server.is_some() {
            return Err("a second actor works on the journal of a room".to_owned());
        }
        let came = match job {
            Job::Begin(settings, beginner) => self.begin(&settings, beginner),
            Job::Load(Loading::Revive) => self.load(),
            Job::Load(Loading::PutAside) => {
                self.put_journal_aside();
                Came::Gone
            }
            Job::Delete => {
                self.disk.forget();
                self.past = None;
                return Ok(true);
            }
        };
        self.process.borrow_mut().put(self.room, came);
        Ok(true)
    }

    fn place(&self, beginner: Option<Beginner>) -> Place {
        let process = self.process.borrow();
        Place {
            room: SimRoom::new(process.rooms.next_life(), beginner),
            id: self.room,
            mailbox: process.mailbox.clone(),
            ballots: process.ballots.clone(),
            pads: Rc::clone(&self.pads),
        }
    }

    fn begin(&mut self, settings: &RoomSettings, beginner: Beginner) -> Came<SimRoom> {
        self.past = None;
        self.forget_past_meetings();
        self.numbered = 0;
        self.net.begin_anew();
        self.clients.iter_mut().for_each(Client::room_begins_anew);
        for session in self.seeking.values_mut() {
            *session = past(*session);
        }
        let place = self.place(Some(beginner));
        let (revision, handle) = (self.process.borrow().revisions.current(), place.room.clone());
        let settings = RoomSettings {
            chat_bytes_max: settings.chat_bytes_max,
            ..self.plan.settings.clone()
        };
        self.server = Some(Server::create(
            &self.disk,
            settings,
            &self.livekit,
            self.clock.times(),
            (revision, place),
            &mut self.chance,
        ));
        Came::Room(handle, Vec::new())
    }

    fn load(&mut self) -> Came<SimRoom> {
        if self.later.one_in(8) {
            self.count("database away");
            return Came::Unavailable;
        }
        let Some(past) = self.past.take().filter(|_| self.disk.has_log()) else {
            return Came::Gone;
        };
        if self.plan.disk_fault > 0 && self.later.one_in(3) {
            // Neither the cut of a broken tail nor the new snapshot can be written.
            self.disk.fail_next(Fault::Nothing, false);
        }
        let place = self.place(None);
        let (revision, handle) = (self.process.borrow().revisions.current(), place.room.clone());
        let revived = Server::revive(
            &self.disk,
            past,
            self.clock.times(),
            (revision, place),
            &mut self.chance,
        );
        match revived {
            Ok(server) => {
                if server.room().is_some_and(LoggedRoom::disk_failed) {
                    self.count("revived in memory");
                }
                self.server = Some(server);
                if self.plan.lose_tails || self.plan.loses_inputs() {
                    // What the server has lost with the machine it can't tell.
                    self.clients.iter_mut().for_each(Client::forget);
                }
                let mut missed = self.notices.clone();
                missed.push(Notice::SharedFolder(self.folder.clone().map(Box::new)));
                Came::Room(handle, missed)
            }
            Err(failed) => {
                let (past, error) = *failed;
                if matches!(error, JournalError::Io(_)) {
                    self.count("journal not read");
                    self.past = Some(past);
                    return Came::Unavailable;
                }
                self.tell(|_| format!("the journal is put aside: {error}"));
                self.put_journal_aside();
                Came::Gone
            }
        }
    }

    fn put_journal_aside(&mut self) {
        self.count("journal put aside");
        self.past = None;
        self.disk.forget();
    }

    /// The database has changed, and whoever lives hears of it.
    pub fn tell_notice(&mut self, notice: Notice) {
        let process = self.process.borrow();
        if notice == Notice::RoomDeleted {
            return process.mailbox.put(Mail::Deleted(self.room));
        }
        process
            .rooms
            .notice(self.room, notice.clone(), process.revisions.next());
        if let Notice::SharedFolder(folder) = notice {
            self.folder = folder.map(|folder| *folder);
            return;
        }
        if !self.notices.contains(&notice) {
            self.notices.push(notice.clone());
        }
        for client in &self.clients {
            let is_it = match notice {
                Notice::UserWithdrawn(user) => client.role.caller() == Who::User(user),
                Notice::InviteWithdrawn(code) => client.role.caller() == Who::Guest(code),
                _ => false,
            };
            if is_it {
                let tokens = client.token.into_iter().chain([client.asked_with]);
                self.void.extend(tokens.map(|token| (token, self.counter)));
            }
        }
    }

    /// A call of `start` by a token alone was let in.
    pub fn check_token(&mut self, ask: u64) -> Step {
        let Some(token) = self.by_token.remove(&ask) else {
            return Ok(());
        };
        match self.void.get(&token) {
            Some(since) if ask > *since => Err("somebody comes in who has lost access".to_owned()),
            _ => Ok(()),
        }
    }

    /// A bug ends the room's actor, in the middle of whatever it does.
    pub fn kill_actor(&mut self) -> Step {
        let Some(dead) = self.server.take() else {
            return Ok(());
        };
        self.tell(|_| "the room's actor dies".to_owned());
        self.count("actor died");
        self.died_at = dead.time(self.clock.now());
        self.end_asks();
        self.disk.heal();
        self.bury(dead, Loss::Nothing)?;
        self.carry();
        Ok(())
    }
}
