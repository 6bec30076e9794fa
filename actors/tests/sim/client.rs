//! A client: it believes what it is told, remembers it over connections, and counts what it hears.

use colloquy_actors::ids::{BreakoutRoomId, SessionNo, Timestamp, TokenHash};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    cast::Role,
    hear::Event,
    media::claims,
    net::{Frame, Net, past},
    view::View,
};

/// Where a client takes itself to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Outside,
    Waiting,
    Inside,
    /// It was told why it must go: nothing comes after that.
    SentAway,
}

/// A connection that is gone: of its line, the client heard what comes before this index.
#[derive(Debug)]
struct Lost {
    session: SessionNo,
    line: SessionNo,
    next: usize,
}

#[derive(Debug)]
pub struct Client {
    pub role: Role,
    pub token: Option<TokenHash>,
    /// A call of `start` that is not answered yet.
    pub ask: Option<u64>,
    /// The token that goes out with the answer.
    pub asked_with: TokenHash,
    /// Tickets that it got, the newest last.
    pub tickets: Vec<String>,
    pub session: Option<SessionNo>,
    /// The breakout room that it wants to be in.
    pub goal: Option<BreakoutRoomId>,
    pub stage: Stage,
    pub accepted: bool,
    /// What it knows; kept while the connection is lost.
    pub view: Option<View>,
    pub last_seq: Option<u64>,
    /// What it knew when it was last inside: clients of today keep most of it when they come back.
    memory: Option<View>,
    /// The connection that it lost last, where the room has not noticed.
    lost: Option<Lost>,
    /// What its socket brings is of a meeting that is over.
    is_of_the_past: bool,
    /// It asked to go on from this number, and whether it was ahead then.
    asked_from: Option<(u64, bool)>,
    /// The line that it hears, and the index of the event that must come next.
    next: Option<(SessionNo, usize)>,
    /// It has heard what a disk lost later: nobody can go on from there.
    is_ahead: bool,
    /// Commands that it ever sent, and answers that it got.
    pub sent: usize,
    answers: usize,
}

/// What somebody outside may be told.
const OUTSIDE: [&str; 8] = [
    "control/error",
    "control/rate_limit_exceeded",
    "control/join_blocked",
    "control/join_success",
    "control/resumed",
    "control/not_resumed",
    "moderation/in_waiting_room",
    "moderation/error",
];

/// What somebody who waits may be told.
const WAITING: [&str; 7] = [
    "moderation/in_waiting_room",
    "control/error",
    "control/rate_limit_exceeded",
    "control/join_success",
    "moderation/accepted",
    "moderation/display_name_changed",
    "moderation/waiting_room_disabled",
];

/// The last thing that somebody hears.
const FAREWELLS: [&str; 5] = [
    "control/room_deleted",
    "control/time_limit_quota_elapsed",
    "moderation/kicked",
    "moderation/banned",
    "moderation/session_ended",
];

/// What whoever is about to go may still hear.
const LEAVES: [&str; 10] = [
    "legal_vote/canceled",
    "control/left",
    "breakout/left",
    "training_participation_report/presence_logging_ended",
    "automod/remaining_updated",
    "automod/speaker_updated",
    "automod/start_animation",
    "automod/stopped",
    "subroom_audio/kicked",
    "subroom_audio/left_whisper_group",
];

/// What only those hear who sent a command.
const ANSWERS: [&str; 21] = [
    "automod/error",
    "control/error",
    "moderation/error",
    "chat/error",
    "livekit/error",
    "recording/error",
    "whiteboard/error",
    "meeting_notes/error",
    "subroom_audio/error",
    "subroom_audio/whisper_group_created",
    "subroom_audio/whisper_token",
    "chat/search_results",
    "chat/room_chat_history_chunk",
    "chat/group_chat_history_chunk",
    "chat/private_chat_history_chunk",
    "livekit/credentials",
    "livekit/popout_stream_access_token",
    "legal_vote/error",
    "legal_vote/pdf_asset",
    "meeting_report/error",
    "meeting_report/pdf_asset",
];

impl Client {
    pub fn new(role: Role) -> Self {
        Self {
            role,
            token: None,
            ask: None,
            asked_with: TokenHash::of(""),
            tickets: Vec::new(),
            session: None,
            goal: None,
            stage: Stage::Outside,
            accepted: false,
            view: None,
            last_seq: None,
            memory: None,
            lost: None,
            is_of_the_past: false,
            asked_from: None,
            next: None,
            is_ahead: false,
            sent: 0,
            answers: 0,
        }
    }

    /// A socket stands; the number is the last event that it has seen.
    pub fn connected(&mut self, session: SessionNo, resume_from: Option<u64>) {
        self.session = Some(session);
        self.asked_from = resume_from.map(|from| (from, self.is_ahead));
        (self.stage, self.accepted, self.next) = (Stage::Outside, false, None);
        self.is_of_the_past = false;
        if resume_from.is_none() {
            self.view = None;
        }
    }

    /// The server can't tell it what has changed since: also where it has not noticed yet that its connection is gone.
    pub fn forget(&mut self) {
        (self.memory, self.is_of_the_past) = (None, true);
    }

    /// The room begins anew, see [`Net::begin_anew`].
    pub fn room_begins_anew(&mut self) {
        self.session = self.session.map(past);
        self.next = self.next.map(|(line, next)| (past(line), next));
        if let Some(lost) = &mut self.lost {
            (lost.session, lost.line) = (past(lost.session), past(lost.line));
        }
    }

    /// The process is gone, see [`Net::process_gone`].
    pub fn process_gone(&mut self) {
        self.session = self.session.map(past);
        if let Some(lost) = &mut self.lost {
            lost.session = past(lost.session);
        }
    }

    /// A disk lost what came after this number.
    pub fn lose_after(&mut self, last: u64, net: &Net) {
        self.is_ahead |= self.last_seq > Some(last);
        if let Some((line, next)) = &mut self.next {
            *next = net.record(*line).len().min(*next);
        }
    }

    /// Its connection is gone, with everything that it did not hear.
    pub fn disconnected(&mut self) {
        let heard = self.session.take().zip(self.next.take());
        self.lost = heard.map(|(session, (line, next))| Lost { session, line, next });
        let is_whole = self.stage == Stage::Inside && !self.is_of_the_past;
        self.memory = self.view.clone().filter(|_| is_whole);
        if self.stage != Stage::Inside {
            self.view = None;
        }
    }

    /// The room notices the end of this connection, or of whichever was lost last. It tells again what happened shortly before;
    /// a client that is further behind knows nothing any more.
    pub fn noticed(&mut self, session: Option<SessionNo>, (at, unheard_secs): (Timestamp, u64), net: &Net) {
        let is_it = |lost: &mut Lost| session.is_none_or(|session| lost.session == session);
        if let Some(lost) = self.lost.take_if(is_it)
            && net
                .oldest(lost.line, lost.next)
                .is_some_and(|unheard| unheard.plus_secs(unheard_secs) < at)
        {
            self.memory = None;
        }
    }

    /// Takes in a frame and returns its name.
    pub fn hear(&mut self, frame: &Frame, net: &Net) -> Result<String, String> {
        let record = net.record(frame.line);
        let envelope: Value = serde_json::from_str(&frame.text).map_err(|error| error.to_string())?;
        if envelope.get("seq").and_then(Value::as_u64) != frame.seq {
            return Err(format!("sent as {:?}", frame.seq));
        }
        let event = Event::new(&envelope).ok_or("no event")?;
        let name = format!("{}/{}", event.namespace, event.message);
        if net.is_lost(frame) {
            (self.is_ahead, self.last_seq) = (true, frame.seq);
        } else {
            self.count(frame, record, &name)?;
        }
        if ANSWERS.contains(&&*name) {
            self.answers += 1;
            if self.answers > self.sent {
                return Err("an answer to somebody who asked nothing".to_owned());
            }
        }
        if name == "control/resumed" {
            self.resumed(frame, record, event.payload["from"].as_u64())?;
            return Ok(name);
        }
        let may_hear = match self.stage {
            Stage::Outside => OUTSIDE.contains(&&*name) || is_farewell(&name),
            Stage::Waiting => WAITING.contains(&&*name) || is_farewell(&name),
            Stage::Inside => true,
            // Those who go at the same time go one after the other.
            Stage::SentAway => LEAVES.contains(&&*name),
        };
        if !may_hear {
            return Err(format!("told somebody who is {:?}", self.stage));
        }
        self.take_in(&event, &name)?;
        Ok(name)
    }

    fn take_in(&mut self, event: &Event<'_>, name: &str) -> Result<(), String> {
        match name {
            "control/join_success" if self.stage == Stage::Inside => {
                return Err("joined twice".to_owned());
            }
            "control/join_success" => {
                let mut view = View::new(event.payload)?;
                if let Some(known) = self.memory.take().filter(|known| known.id == view.id) {
                    view.remember(known);
                }
                self.check_credentials(&view, &event.payload["livekit"])?;
                (self.stage, self.view) = (Stage::Inside, Some(view));
            }
            "control/not_resumed" if self.asked_from.take().is_none() => {
                return Err("it did not ask to resume".to_owned());
            }
            "moderation/in_waiting_room" if self.stage == Stage::Outside => self.stage = Stage::Waiting,
            // What was accepted is taken back.
            "moderation/in_waiting_room" if self.stage == Stage::Waiting => {
                if !std::mem::take(&mut self.accepted) {
                    return Err("told again that it waits".to_owned());
                }
            }
            "moderation/accepted" if self.stage == Stage::Waiting => self.accepted = true,
            "moderation/sent_to_waiting_room" => {
                self.memory = self.view.take();
                (self.stage, self.view, self.accepted) = (Stage::Outside, None, false);
            }
            _ if is_farewell(name) => {
                (self.stage, self.view, self.memory) = (Stage::SentAway, None, None);
            }
            _ => {
                if let Some(view) = self.view.as_mut().filter(|_| self.stage == Stage::Inside) {
                    view.hear(event)?;
                }
                if name == "livekit/credentials"
                    && let Some(view) = &self.view
                {
                    self.check_credentials(view, event.payload)?;
                }
            }
        }
        Ok(())
    }

    /// Each event of its line comes once and in order; a new line begins with a whole state.
    fn count(&mut self, frame: &Frame, record: &[(u64, Utf8Bytes)], name: &str) -> Result<(), String> {
        let Some(seq) = frame.seq else { return Ok(()) };
        let index = record.partition_point(|(known, _)| *known < seq);
        if record.get(index) != Some(&(seq, frame.text.clone())) {
            return Err("it was never sent".to_owned());
        }
        match self.next {
            Some((line, next)) if line == frame.line && index == next => {}
            Some((line, next)) if line == frame.line => {
                return Err(format!(
                    "number {index} of its line comes, {next} should: {:?}",
                    record.get(next)
                ));
            }
            Some(_) if !["control/join_success", "moderation/in_waiting_room"].contains(&name) => {
                return Err("another line begins in the middle".to_owned());
            }
            _ => {}
        }
        self.next = Some((frame.line, index + 1));
        (self.last_seq, self.is_ahead) = (Some(seq), false);
        Ok(())
    }

    fn resumed(
        &mut self,
        frame: &Frame,
        record: &[(u64, Utf8Bytes)],
        from: Option<u64>,
    ) -> Result<(), String> {
        let asked = self.asked_from.take();
        if from.is_none() || from != asked.map(|(from, _)| from) || self.stage != Stage::Outside {
            return Err("it did not ask for that".to_owned());
        }
        if asked.is_some_and(|(_, was_ahead)| was_ahead) {
            return Err("it goes on from what the room does not know".to_owned());
        }
        let next = record.partition_point(|(known, _)| Some(*known) <= from);
        self.next = Some((frame.line, next));
        self.stage = Stage::Inside;
        Ok(())
    }

    /// Nothing that was sent to its line is missing.
    pub fn has_heard(&self, line: SessionNo, record: &[(u64, Utf8Bytes)]) -> Result<(), String> {
        match self.next {
            Some((mine, next)) if mine == line && next != record.len() => {
                Err(format!("never got {:?}", record.get(next)))
            }
            Some((mine, _)) if mine != line => Err(format!("hears {mine:?}, is on {line:?}")),
            _ => Ok(()),
        }
    }

    /// An access token is for its receiver and its room, with the rights of its role.
    fn check_credentials(&self, view: &View, credentials: &Value) -> Result<(), String> {
        if credentials.is_null() {
            return Ok(());
        }
        let claims = claims(&credentials["token"]).ok_or("a token that can't be read")?;
        let grant = &claims["video"];
        let room = credentials["room"].as_str().unwrap_or_default();
        let is_room = view
            .space
            .as_ref()
            .map_or(!room.contains(':'), |space| room.ends_with(&format!(":{space}")));
        if claims["sub"] != *view.id || grant["room"] != *room || !is_room {
            return Err("a token for somebody else, or for another room".to_owned());
        }
        let listed = super::view::list(&view.restrictions["unrestricted_participants"]);
        let hidden = self.role.is_hidden();
        let may_speak = !hidden
            && (view.restrictions["type"] == "disabled"
                || view.is_moderator()
                || listed.iter().any(|id| *id == *view.id));
        let sources = super::view::list(&grant["canPublishSources"]);
        if sources.iter().any(|source| source == "microphone") != may_speak || grant["hidden"] != hidden {
            return Err(format!("may speak: {may_speak}, but the token grants {grant}"));
        }
        Ok(())
    }
}

fn is_farewell(name: &str) -> bool {
    FAREWELLS.contains(&name)
}
