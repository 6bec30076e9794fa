//! How people come, act and go.

use colloquy_actors::{
    ids::{BreakoutRoomId, TokenHash},
    protocol::{Command, Incoming, parse},
    room::input::{Ending, SeatTaken, Start, StartOutcome},
    shell::Redeemed,
};
use serde_json::{Value, json};

use super::{
    client::Stage,
    deeds::Deed,
    door::ticket,
    outside::Asker,
    world::{Step, World},
};

impl World {
    /// Somebody does the next thing on the way into the meeting.
    pub fn come(&mut self, index: usize) -> Step {
        if !self.up {
            return Ok(());
        }
        let client = &self.clients[index];
        if client.session.is_some() {
            match client.stage {
                Stage::Outside => self.join(index),
                Stage::Waiting if client.accepted || self.chance.one_in(8) => {
                    self.command(index, "control", &json!({"action": "enter_room"}));
                }
                _ => {}
            }
            return Ok(());
        }
        if client.tickets.is_empty() {
            if client.ask.is_none() || self.chance.one_in(10) {
                return self.ask(index, false);
            }
            return Ok(());
        }
        self.connect(index);
        Ok(())
    }

    /// Calls `start`: with the token alone, or with all that the database knows.
    pub fn ask(&mut self, index: usize, with_facts: bool) -> Step {
        let number = self.next_number();
        let token = TokenHash::of(&format!("token {number}"));
        let facts = with_facts.then(|| self.draw_facts());
        let goal = self.clients[index].goal;
        let client = &mut self.clients[index];
        // Somebody's token in the wrong hands is worth nothing; a lost one makes a newcomer.
        let resumption = client.token.filter(|_| !self.chance.one_in(12));
        client.ask = Some(number);
        let start = Start {
            caller: client.role.caller(),
            identity: (with_facts || resumption.is_none()).then(|| client.role.identity()),
            facts,
            resumption,
            token,
            ticket: Some(TokenHash::of(&ticket(number))),
            breakout_room: goal,
            origin: Some(client.role.origin()),
            signed_in: None,
        };
        client.asked_with = token;
        self.tell(|world| format!("{} asks for a ticket", world.name(index)));
        self.look_for_room(number, index, start)
    }

    /// The answer of a `start`.
    pub fn answered(&mut self, asker: Asker, reply: StartOutcome) -> Step {
        let client = &mut self.clients[asker.client];
        client.ask = None;
        match reply {
            StartOutcome::Issued(_) => {
                client.token = Some(client.asked_with);
                client.tickets.push(ticket(asker.ask));
            }
            StartOutcome::NoBreakoutRooms => client.goal = None,
            StartOutcome::NeedsIdentity | StartOutcome::NeedsFacts => return self.ask(asker.client, true),
            StartOutcome::Banned | StartOutcome::Outdated | StartOutcome::Unavailable => {}
        }
        Ok(())
    }

    /// Redeems a ticket, mostly the newest.
    fn connect(&mut self, index: usize) {
        let resume = self.chance.coin();
        let client = &mut self.clients[index];
        let Some(mut ticket) = client.tickets.pop() else {
            return;
        };
        if self.chance.one_in(8)
            && let Some(older) = client.tickets.pop()
        {
            ticket = older;
        }
        let Some(server) = &mut self.server else { return };
        let ticket = TokenHash::of(&ticket);
        let Some(Redeemed { grant, session, .. }) = server.redeem(ticket, self.clock.now()) else {
            return;
        };
        let has_outlived = self.outlived.remove(&ticket);
        let client = &mut self.clients[index];
        let known = client.last_seq.filter(|_| client.view.is_some() && resume);
        let resume_from = match known {
            Some(_) if self.chance.one_in(10) => Some(u64::MAX),
            known => known,
        };
        client.connected(session, resume_from);
        let link = self.net.attach(session, grant.token, index);
        let origin = Some(super::cast::CAST[index].origin());
        let taken = SeatTaken {
            grant,
            ticket: Some(ticket),
            session,
            resume_from,
            origin,
        };
        server.attach(link, taken);
        if has_outlived {
            self.count("ticket outlives actor");
        }
        self.tell(|world| {
            format!(
                "{} connects as {} from {resume_from:?}",
                world.name(index),
                session.0
            )
        });
        if !self.chance.one_in(10) {
            self.join(index);
        }
    }

    fn join(&mut self, index: usize) {
        let name = self.clients[index].role.name;
        let name = match self.chance.below(12) {
            0 => Value::Null,
            1 => json!(" "),
            2 | 3 => json!(format!("{name} II")),
            _ => json!(name),
        };
        let join = json!({"action": "join", "display_name": name});
        self.command(index, "control", &join);
    }

    /// Somebody inside does something.
    pub fn act(&mut self, index: usize) {
        let client = &self.clients[index];
        let Some(view) = client.view.as_ref().filter(|_| client.session.is_some()) else {
            return;
        };
        if client.role.is_hidden() {
            // A recorder listens, and says how far it has come.
            let token = json!({"action": "create_new_access_token"});
            let mut deed = Deed {
                chance: &mut self.later,
                view,
                seen: &self.seen,
            };
            let report = deed.report();
            let (namespace, payload) = if self.later.one_in(4) {
                ("livekit", token)
            } else {
                ("recording_service", report)
            };
            return self.command(index, namespace, &payload);
        }
        if self.plan.panic > 0 && self.chance.one_in(150) {
            return self.command(index, "control", &json!({"action": "panic"}));
        }
        let mut namespace = self.chance.weighted(&self.plan.namespaces).unwrap_or("chat");
        if !view.is_moderator() && ["moderation", "breakout"].contains(&namespace) && !self.chance.one_in(6) {
            namespace = "chat";
        }
        let mut deed = Deed {
            chance: &mut self.chance,
            view,
            seen: &self.seen,
        };
        let payload = deed.in_namespace(namespace);
        for running in [&view.timer, &view.poll].into_iter().flatten() {
            let id = running.get("timer_id").or(running.get("id"));
            if let Some(id) = id.and_then(Value::as_str)
                && self.seen.last().is_none_or(|last| last != id)
            {
                self.seen.push(id.to_owned());
            }
        }
        self.command(index, namespace, &payload);
    }

    /// What a session does with a message: parses it, and passes it on if the namespace is open.
    pub fn command(&mut self, index: usize, namespace: &str, payload: &Value) {
        let Some(session) = self.clients[index].session else {
            return;
        };
        let text = json!({"namespace": namespace, "payload": payload}).to_string();
        self.clients[index].sent += 1;
        let Some(socket) = self.net.sockets.get(&session).filter(|socket| socket.is_whole()) else {
            return;
        };
        let is_open = |name: &str| socket.open.contains(&name);
        let Incoming::Command(command) = parse(&text) else {
            return;
        };
        if !matches!(command, Command::Control(_)) && !is_open(command.namespace().name()) {
            return;
        }
        // As long as some are that fill a turn.
        let bytes = usize::try_from(self.later.number() % 4).unwrap_or_default() * 300_000;
        let Some(sent) = socket.command(command, bytes) else {
            return;
        };
        if let Some(server) = self.server.as_mut().filter(|_| !socket.is_lost) {
            server.command(session, sent);
        }
        self.tell(|world| format!("{}: {text}", world.name(index)));
    }

    /// Somebody says goodbye, or falls silent.
    pub fn go(&mut self, index: usize) -> Step {
        let Some(session) = self.clients[index].session else {
            return Ok(());
        };
        let quits = self.chance.one_in(4);
        self.tell(|world| format!("{} goes, quits: {quits}", world.name(index)));
        if !quits {
            // The network took some of what was on its way.
            let taken = self.chance.below(4);
            self.deliver(session, taken)?;
        }
        self.disconnect(index, quits);
        Ok(())
    }

    /// Somebody moves to another room of the meeting, first leaving this one or not.
    pub fn go_elsewhere(&mut self, index: usize) -> Step {
        let client = &mut self.clients[index];
        let Some(view) = client.view.as_ref().filter(|_| client.session.is_some()) else {
            return Ok(());
        };
        let rooms = view.breakout.as_ref().map(|breakout| {
            let rooms = super::view::list(&breakout["rooms"]).iter();
            let ids = rooms.filter_map(|room| serde_json::from_value(room["id"].clone()).ok());
            ids.collect::<Vec<BreakoutRoomId>>()
        });
        if rooms.is_none() && view.space.is_none() {
            return Ok(());
        }
        let rooms = rooms.unwrap_or_default();
        client.goal = self.chance.pick(&rooms).filter(|_| !self.chance.one_in(4));
        self.tell(|world| format!("{} moves to {:?}", world.name(index), world.clients[index].goal));
        match self.chance.below(3) {
            0 => self.disconnect(index, true),
            1 => self.disconnect(index, false),
            // The old socket stays until the new one takes over.
            _ => self.clients[index].disconnected(),
        }
        self.ask(index, false)
    }

    /// The socket ends at the client's end, with a close frame or without.
    pub fn disconnect(&mut self, index: usize, with_frame: bool) {
        if let Some(session) = self.clients[index].session {
            let how = if with_frame { Ending::Quit } else { Ending::Lost };
            self.clients[index].disconnected();
            self.net.drop_socket(session, how);
        }
    }
}
