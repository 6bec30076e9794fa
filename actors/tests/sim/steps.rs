//! What may happen next, and what must hold then.

use std::sync::Arc;

use colloquy_actors::{
    ids::{InviteCode, SessionNo, UserId},
    logged::LoggedRoom,
    protocol::codes::CloseCode,
    room::input::{Input, Notice},
};

use super::{
    cast::CAST,
    client::Client,
    disk::{Fault, Loss},
    pads::LINK_BEGIN,
    process::Mail,
    server::Server,
    trial::{OPENED, folder, id_of},
    world::{Step, Wish, World},
};

/// Steps of the room's actor after which it must have come to rest.
const TURNS_MAX: usize = 10_000;
/// How the header of every signed token begins.
const TOKEN_BEGIN: &str = "eyJ";
/// Sweeps after which seats and sockets belong together.
const SWEEPS_MAX: usize = 5;

#[derive(Debug, Clone, Copy)]
enum Next {
    Turn,
    Deliver,
    Come,
    Act,
    Go,
    GoElsewhere,
    Ending,
    Stall,
    Vanish,
    Disk,
    DiskFault,
    Media,
    MediaReturn,
    Time,
    Snapshot,
    Sweep,
    Notice,
    Crash,
    Stop,
    Rest,
    Empty,
    Clock,
    Registry,
    BreakRegistry,
    KillActor,
}

impl World {
    /// Something happens.
    pub fn step(&mut self) -> Step {
        self.pass(20_000);
        if self.plan.cuts_edges && self.of_edges.one_in(300) {
            self.cut_edge();
        }
        match self.draw() {
            Next::Turn => {
                for _ in 0..self.chance.between(1, 12) {
                    self.turn()?;
                }
                Ok(())
            }
            Next::Deliver => self.deliver_some(),
            Next::Come => {
                let index = self.somebody();
                self.come(index)
            }
            Next::Act => {
                for _ in 0..self.chance.between(1, 3) {
                    let index = self.somebody();
                    self.act(index);
                }
                Ok(())
            }
            Next::Go => {
                let index = self.somebody();
                self.go(index)
            }
            Next::GoElsewhere => {
                let index = self.somebody();
                self.go_elsewhere(index)
            }
            Next::Ending => {
                self.tell_ending();
                Ok(())
            }
            Next::Media => self.media_answers(),
            Next::MediaReturn => {
                self.somebody_returns();
                Ok(())
            }
            Next::Registry => self.attend_some(),
            Next::KillActor => self.kill_actor(),
            Next::Rest => {
                self.rest()?;
                if self.later.one_in(10) {
                    self.media_rests()?;
                }
                Ok(())
            }
            Next::Empty => {
                self.tell(|_| "everybody goes".to_owned());
                self.everybody_goes()
            }
            quiet => {
                self.quiet_step(quiet);
                Ok(())
            }
        }
    }

    /// What happens next, as often as the plan says.
    fn draw(&mut self) -> Next {
        let plan = &self.plan;
        let choices = [
            (900, Next::Turn),
            (500, Next::Deliver),
            (plan.come, Next::Come),
            (plan.act, Next::Act),
            (plan.go, Next::Go),
            (plan.go_elsewhere, Next::GoElsewhere),
            (100, Next::Ending),
            (plan.stall, Next::Stall),
            (plan.vanish, Next::Vanish),
            (plan.disk_busy, Next::Disk),
            (plan.disk_fault, Next::DiskFault),
            (80, Next::Media),
            (plan.media_returns, Next::MediaReturn),
            (20, Next::Time),
            (plan.snapshot, Next::Snapshot),
            (5, Next::Sweep),
            (plan.notice, Next::Notice),
            (plan.crash, Next::Crash),
            (plan.crash.div_ceil(4), Next::Stop),
            (30, Next::Rest),
            (plan.empty, Next::Empty),
            (plan.clock, Next::Clock),
            (300, Next::Registry),
            (plan.break_registry, Next::BreakRegistry),
            (plan.kill_actor, Next::KillActor),
        ];
        self.chance.weighted(&choices).unwrap_or(Next::Turn)
    }

    /// What cannot go wrong at once.
    fn quiet_step(&mut self, next: Next) {
        match next {
            Next::Stall => {
                if let Some(session) = self.a_session()
                    && let Some(socket) = self.net.sockets.get_mut(&session)
                {
                    socket.stalled = !socket.stalled;
                }
            }
            Next::Vanish => {
                let index = self.somebody();
                self.disconnect(index, false);
            }
            Next::Disk => {
                let busy = !self.disk.is_busy();
                self.disk.set_busy(busy, self.chance.coin());
            }
            Next::DiskFault => {
                let part = Fault::Part(self.chance.below(1_000));
                let fault = self.chance.pick(&[Fault::Nothing, part, Fault::All]);
                self.disk.fail_next(fault.unwrap_or(part), self.chance.one_in(3));
            }
            Next::Time => {
                let longest = [(6, 3), (3, 12), (self.plan.long_wait, 200)];
                let secs = self.chance.weighted(&longest).unwrap_or(3);
                self.pass(secs * 1_000_000);
            }
            Next::Notice => self.notice(),
            Next::Snapshot => {
                if let Some(server) = &mut self.server {
                    server.snapshot(&mut self.chance);
                }
            }
            Next::Sweep => self.process.borrow().mailbox.put(Mail::Sweep),
            Next::Crash => self.wish = Some(Wish::Crash),
            Next::Stop => self.wish = Some(Wish::Stop),
            Next::BreakRegistry => {
                self.tell(|_| "the registry breaks".to_owned());
                self.count("registry broken");
                self.process.borrow_mut().break_registry();
            }
            Next::Clock => {
                let wrong_by = self.later.pick(&[-86_400, -3_600, -7, 0, 7, 3_600]).unwrap_or(0);
                self.clock.set(wrong_by);
                self.tell(|_| format!("the wall clock is set: wrong by {wrong_by} s"));
                self.count("clock set");
            }
            _ => {}
        }
    }

    pub fn pass(&mut self, micros_max: u64) {
        let micros = self.chance.between(1, micros_max.max(1));
        self.clock.pass(micros);
        self.process.borrow_mut().pass(micros);
    }

    fn somebody(&mut self) -> usize {
        self.chance.below(self.clients.len())
    }

    fn a_session(&mut self) -> Option<SessionNo> {
        let sessions: Vec<_> = self.net.sockets.keys().copied().collect();
        self.chance.pick(&sessions)
    }

    fn deliver_some(&mut self) -> Step {
        let Some(session) = self.a_session() else {
            return Ok(());
        };
        let is_stalled = self.net.sockets[&session].stalled;
        let frames = self.chance.below(10) + 1;
        if is_stalled {
            Ok(())
        } else {
            self.deliver(session, frames)
        }
    }

    /// A node that has some of the sockets does not reach the room for a moment.
    fn cut_edge(&mut self) {
        self.carry();
        let Some(server) = &mut self.server else { return };
        let chance = &mut self.of_edges;
        let sessions = self.net.cut_edge(|| chance.coin());
        if sessions.is_empty() {
            return;
        }
        server.input(Input::EdgeLost { sessions });
        self.carry();
        self.count("an edge was cut off");
    }

    /// The room hears that a socket has ended.
    fn tell_ending(&mut self) {
        let Some(server) = &mut self.server else { return };
        if let Some((session, how)) = self.net.endings.pop_front() {
            server.input(Input::Ended { session, how });
        }
    }

    fn notice(&mut self) {
        if self.later.one_in(3) {
            let number = self.next_number();
            let folder = (!self.later.one_in(3)).then(|| Box::new(folder(&number.to_string())));
            return self.tell_notice(Notice::SharedFolder(folder));
        }
        let user = CAST[self.chance.below(CAST.len())].name;
        let notice = match self.chance.below(6) {
            0 => Notice::RoomDeleted,
            1 | 2 => Notice::InviteWithdrawn(InviteCode(id_of("invite"))),
            _ if self.later.one_in(3) => Notice::StreamingTargets,
            _ => Notice::UserWithdrawn(UserId(id_of(user))),
        };
        self.tell_notice(notice);
    }

    fn attend_some(&mut self) -> Step {
        for _ in 0..self.later.between(1, 6) {
            self.attend()?;
        }
        Ok(())
    }

    /// The process dies; what it had told the disk last may be lost.
    pub fn crash(&mut self) -> Step {
        let losses = [
            (6, Loss::Nothing),
            (4, Loss::Tail),
            (2, Loss::Flipped),
            (2, Loss::Garbage),
            (1, Loss::Snapshot),
        ];
        let loss = self.chance.weighted(&losses).filter(|_| self.plan.lose_tails);
        let loss = loss.unwrap_or(Loss::Nothing);
        self.tell(|_| format!("CRASH, lost: {loss:?}"));
        self.count(&format!("crash, lost: {loss:?}"));
        if let Some(server) = &self.server
            && let Some(room) = server.room()
        {
            server.outside.ledger.compare(room.room(), "the room that dies")?;
        }
        let Some(dead) = self.end_process(None) else {
            self.process_gone();
            return Ok(());
        };
        self.disk.crash(loss, &mut self.chance);
        self.bury(dead, loss)?;
        self.process_gone();
        Ok(())
    }

    /// What sockets of a process that is gone bring, no other process hears.
    fn process_gone(&mut self) {
        self.pads.borrow_mut().process_gone();
        self.net.process_gone();
        self.clients.iter_mut().for_each(Client::process_gone);
    }

    /// Whoever reads the log finds the room as it was after the last input that is left.
    pub fn bury(&mut self, dead: Server, loss: Loss) -> Step {
        if !self.disk.has_log() {
            return Ok(());
        }
        // Whatever was to fail next, this look does not.
        self.disk.heal();
        let lived_in_memory = dead.room().is_some_and(LoggedRoom::disk_failed);
        let mut ledger = dead.outside.ledger;
        match LoggedRoom::open(self.disk.log(), Arc::clone(&self.livekit)) {
            Ok(revived) => {
                ledger.compare(revived.room(), "the revived room")?;
                self.count("room revived");
                ledger.cut(revived.room());
                let last = revived.room().event_seq();
                self.net.sent_by_nobody(revived.room().ring(), self.numbered);
                self.net.lose_after(last);
                for client in &mut self.clients {
                    client.lose_after(last, &self.net);
                }
                if lived_in_memory {
                    // Nobody was there who could have heard what it did since.
                    self.numbered = revived.room().event_seq();
                }
            }
            Err(_) if loss == Loss::Snapshot => {}
            Err(error) => return Err(format!("a journal can't be read: {error}")),
        }
        self.past = Some(ledger);
        Ok(())
    }

    /// The server is stopped in order, in the middle of a turn or between two.
    pub fn stop(&mut self) -> Step {
        let is_sudden = self.chance.coin();
        if is_sudden {
            // What is being written may still fail.
            self.disk.set_busy(false, false);
        } else {
            self.disk.heal();
        }
        let is_between = |server: &Server| is_sudden || server.is_between_turns();
        while !self.server.as_ref().is_none_or(is_between) {
            self.turn()?;
        }
        self.tell(|_| "the server stops".to_owned());
        self.count("stop");
        if let Some(server) = &mut self.server {
            server.stop();
        }
        while self
            .server
            .as_ref()
            .is_some_and(|server| !server.outside.has_stopped)
        {
            self.turn()?;
            if let Some(server) = &mut self.server {
                server.snapshot(&mut self.chance);
            }
        }
        // What was handled just before is still looked at.
        self.turn()?;
        let Some(server) = self.end_process(Some(CloseCode::GoingAway)) else {
            self.process_gone();
            return Ok(());
        };
        self.bury(server, Loss::Nothing)?;
        self.process_gone();
        Ok(())
    }

    fn end_process(&mut self, code: Option<CloseCode>) -> Option<Server> {
        (self.up, self.died_at) = (false, self.now());
        self.net.close_all(code);
        self.asking.clear();
        self.seeking.clear();
        self.end_asks();
        self.server.take()
    }

    /// Everything on its way arrives. Then what everybody knows is compared with what is so.
    pub fn rest(&mut self) -> Step {
        self.settle()?;
        self.check_process()?;
        self.check_seats()?;
        let Some(server) = &self.server else { return Ok(()) };
        server.check_log()?;
        server.check_counts()?;
        let Some(room) = server.room().map(|logged| logged.room().clone()) else {
            return Err("the actor does not come to rest".to_owned());
        };
        let state = serde_json::to_value(&room).map_err(|error| error.to_string())?;
        let text = state.to_string();
        if [TOKEN_BEGIN, OPENED, LINK_BEGIN]
            .iter()
            .any(|secret| text.contains(secret))
        {
            return Err("a secret in the state".to_owned());
        }
        for index in 0..self.clients.len() {
            self.check_client(index, &room, &state)
                .map_err(|error| format!("{}: {error}", self.name(index)))?;
        }
        Ok(())
    }

    /// Each seat has its socket, and each socket its seat, once the room has looked after itself.
    fn check_seats(&mut self) -> Step {
        let torn = |world: &Self| {
            let server = world.server.as_ref()?;
            let whole = world.net.sockets.iter().filter(|(_, socket)| socket.is_whole());
            server.torn(whole.map(|(session, _)| *session))
        };
        // What mends may panic too.
        for _ in 0..SWEEPS_MAX {
            if torn(self).is_none() {
                return Ok(());
            }
            self.process.borrow().mailbox.put(Mail::Sweep);
            self.settle()?;
        }
        torn(self).map_or(Ok(()), Err)
    }

    /// Registry and room know the same, and nobody waits.
    fn check_process(&self) -> Step {
        let life = self.server.as_ref().map(Server::life);
        let process = self.process.borrow();
        let has_word = self
            .server
            .as_ref()
            .is_some_and(|server| server.handle().has_word());
        if has_word || !process.is_quiet(self.room) {
            return Err("registry and room do not come to rest".to_owned());
        }
        process.check(self.room, life)?;
        match self.asking.keys().next() {
            Some(ask) => Err(format!("the call {ask} looks for its room for ever")),
            None => Ok(()),
        }
    }

    /// The room's actor and the sockets that are not stalled do all that they have to do.
    pub fn settle(&mut self) -> Step {
        self.disk.set_busy(false, false);
        for _ in 0..TURNS_MAX {
            self.turn()?;
            let is_idle = self.server.as_ref().is_none_or(Server::is_idle);
            if !self.attend()? && is_idle {
                break;
            }
        }
        let sessions: Vec<_> = self.net.sockets.keys().copied().collect();
        for session in sessions {
            if self
                .net
                .sockets
                .get(&session)
                .is_some_and(|socket| !socket.stalled)
            {
                self.deliver(session, usize::MAX)?;
            }
        }
        Ok(())
    }
}
