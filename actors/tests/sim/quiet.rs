//! What must hold when nothing is on its way.

use std::{collections::BTreeSet, sync::Arc};

use colloquy_actors::{
    frame::EncodedEvent,
    ids::{SessionNo, TokenHash},
    protocol::{Command, control::ControlCommand},
    room::{
        Room,
        effects::{Effect, Keys, Secret},
        faults,
        input::{Ending, Input, SeatTaken, Stamped, Start},
        tickets::Grant,
    },
};
use serde_json::Value;

use super::{
    client::Stage,
    process::Mail,
    trial::Opener,
    view::View,
    whispers,
    world::{Step, World},
};

/// By then everything has ended but what is done outside: a breakout room that was left to itself takes longest.
const MINUTES: usize = 12;
/// The same with a report that nobody makes, by a clock that goes at half speed.
const MINUTES_WITH_REPORTS: usize = 50;

impl World {
    /// A client that hears everything knows what is so.
    pub fn check_client(&mut self, index: usize, room: &Room, state: &Value) -> Step {
        let client = &self.clients[index];
        let Some(session) = client.session else {
            return Ok(());
        };
        let socket = self
            .net
            .sockets
            .get(&session)
            .ok_or("a session without a socket")?;
        let Some(line) = self.server.as_ref().and_then(|server| server.line_of(session)) else {
            return Ok(());
        };
        if socket.stalled || !socket.is_whole() {
            return Ok(());
        }
        client.has_heard(line, self.net.record(line))?;
        let id = room.access().of_session(session).map(|(id, _)| id.to_string());
        let place = id.and_then(|id| {
            state["meeting"]["people"][id]["place"]
                .as_str()
                .map(str::to_owned)
        });
        let seat = room.access().of_session(session).map(|(_, seat)| seat);
        let expected = match place.as_deref() {
            Some("inside") if seat.is_some_and(|seat| seat.joined) => Stage::Inside,
            Some("waiting") if seat.is_some_and(|seat| seat.joined) => Stage::Waiting,
            _ => Stage::Outside,
        };
        if client.stage != expected {
            return Err(format!("takes itself to be {:?}, is {expected:?}", client.stage));
        }
        let Some(view) = client.view.as_ref().filter(|_| client.stage == Stage::Inside) else {
            return Ok(());
        };
        view.agrees_with_state(state)?;
        self.check_beside(view, state)?;
        if let Some(fresh) = self.told_now(index, view, room) {
            let mut fresh = fresh?;
            if client.role.is_hidden() && view.fixed["closes_at"].is_null() {
                // The time of a meeting begins with the first who is no recorder: one that was there before is not told.
                fresh.fixed["closes_at"] = Value::Null;
            }
            if client.role.is_hidden() {
                // Whether trainees are waited for is for the trainer; trainees come later.
                fresh.training = view.training.clone();
            }
            let is_told_later = view.waits_for_automod(state);
            if is_told_later {
                fresh.automod.clone_from(&view.automod);
            }
            view.agrees_with(&fresh, self.messages_max())?;
            let has_automod = view.automod.is_some();
            self.count("view compared");
            if has_automod {
                self.count(if is_told_later {
                    "automod: told later"
                } else {
                    "automod: compared"
                });
            }
        }
        Ok(())
    }

    /// What `join_success` says nothing of.
    fn check_beside(&self, view: &View, state: &Value) -> Step {
        self.pads.borrow().check(view, state)?;
        whispers::check(view, state)
    }

    /// Messages of a scope that a `join_success` holds at most.
    fn messages_max(&self) -> usize {
        let kept = self.plan.settings.chat_messages_per_scope_max;
        if self.plan.settings.chat_history_as_list {
            kept
        } else {
            kept.min(colloquy_actors::protocol::limits::CHAT_CHUNK_MESSAGES_MAX)
        }
    }

    fn as_told_anew(&self, secrets: &[Secret], frame: &EncodedEvent) -> Option<EncodedEvent> {
        let keys = Keys {
            livekit: &self.livekit,
            ballots: &self.process.borrow().ballots,
            unsealer: &Opener,
            locations: &self.locations,
            link: &|_| None,
        };
        Secret::put_into(secrets, frame, &keys)
    }

    /// What the client would be told if it came back to a copy of the room now. Nothing when it may not come back, or
    /// not into the breakout room that it is in.
    pub fn told_now(&self, index: usize, view: &View, room: &Room) -> Option<Result<View, String>> {
        let client = &self.clients[index];
        if !view.may_come_back() {
            return None;
        }
        let mut copy = room.clone();
        let (token, session) = (TokenHash::of("a copy"), SessionNo(u64::MAX));
        let breakout_room = view.space.as_ref().and_then(|id| uuid::Uuid::parse_str(id).ok());
        let start = Start {
            caller: client.role.caller(),
            identity: None,
            facts: None,
            resumption: Some(client.token?),
            token,
            ticket: None,
            breakout_room: breakout_room.map(Into::into),
            origin: Some(client.role.origin()),
            signed_in: None,
        };
        let participant = room.access().resume(client.token?, client.role.caller())?;
        if participant.to_string() != view.id {
            return None;
        }
        let (breakout_room, origin) = (start.breakout_room, start.origin);
        let grant = Grant {
            participant,
            token,
            breakout_room,
        };
        let seat = Input::SeatTaken(SeatTaken {
            grant,
            ticket: None,
            session,
            resume_from: None,
            origin,
        });
        let inputs = [Input::Start(Box::new(start)), seat, join_of(session)];
        let mut told = None;
        // The copy goes on where no input was drawn to panic.
        let panics = faults::panic_at(BTreeSet::new());
        for input in inputs {
            let stamped = Stamped {
                seq: copy.input_seq() + 1,
                at: copy.at().next(),
                seed: 0,
                input,
            };
            for effect in copy.handle(&Arc::clone(&self.livekit), stamped).list {
                if let Effect::Send { frame, secrets, .. } = effect
                    && frame.contains(r#""message":"join_success""#)
                {
                    told = self.as_told_anew(&secrets, &frame);
                }
            }
        }
        let _ = faults::panic_at(panics);
        Some(told.map_or_else(|| Err("is not let in again".to_owned()), |frame| read(&frame)))
    }

    /// Everybody goes, and whatever was begun ends; then the room is as good as new.
    pub fn end(&mut self) -> Step {
        self.disk.heal();
        for socket in self.net.sockets.values_mut() {
            socket.stalled = false;
        }
        self.rest()?;
        if let Some(server) = &self.server
            && let Some(room) = server.room()
        {
            server.outside.ledger.compare(room.room(), "the room")?;
        }
        self.everybody_goes()?;
        self.begin_anew()
    }

    /// Nobody comes for a long time: whatever was begun ends, and nothing is left.
    pub fn everybody_goes(&mut self) -> Step {
        for index in 0..self.clients.len() {
            let quits = self.chance.coin();
            self.disconnect(index, quits);
        }
        for session in self.net.sockets.keys().copied().collect::<Vec<_>>() {
            self.net.drop_socket(session, Ending::Lost);
        }
        for minute in 0..MINUTES_WITH_REPORTS {
            if minute >= MINUTES && self.server.is_none() {
                break;
            }
            while let Some((session, how)) = self.net.endings.pop_front() {
                if let Some(server) = &mut self.server {
                    server.input(Input::Ended { session, how });
                }
            }
            self.settle()?;
            self.clock.pass(60_000_000);
            self.process.borrow_mut().pass(60_000_000);
            self.process.borrow().mailbox.put(Mail::Sweep);
            self.settle()?;
        }
        match &self.server {
            Some(server) => Err(format!("something is left: {:?}", server.room())),
            None => Ok(()),
        }
    }

    /// The owner comes in, whatever happened before.
    fn begin_anew(&mut self) -> Step {
        for _ in 0..20 {
            self.come(0)?;
            self.settle()?;
            if self.clients[0].stage == Stage::Inside && self.clients[0].session.is_some() {
                return Ok(());
            }
        }
        Err(format!(
            "the owner can't come in, and is {:?}",
            self.clients[0].stage
        ))
    }
}

/// What a `join_success` tells.
fn read(frame: &str) -> Result<View, String> {
    let envelope: Value = serde_json::from_str(frame).map_err(|error| error.to_string())?;
    View::new(&envelope["payload"])
}

fn join_of(session: SessionNo) -> Input {
    let join = ControlCommand::Join {
        display_name: None,
        number: None,
    };
    super::trial::sent(session, Command::Control(join))
}
