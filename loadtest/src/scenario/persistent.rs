//! A participant that does not give up: as the web client does, it tries again after a pause when it is refused for the
//! moment, or when its socket is refused, closed or lost, with the token of its last ticket.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::StatusCode;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::entry::{EnterError, Entered, Entry, Seat};
use crate::{
    api::{ApiError, Way},
    client::{ClientError, Participant, ReadBuffer},
    clock::Moment,
    flow::float,
    report::Errors,
};

/// Codes of close frames after which the web client comes back.
const CLOSED_FOR_NOW: [u16; 7] = [1001, 1005, 1006, 1007, 1012, 1013, 4999];

/// Pause of those who come in turn, where the first coming is not what is measured.
const IN_TURN_PAUSE: Duration = Duration::from_secs(1);

/// What keeps a participant out for the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setback {
    TooMany,
    Unavailable,
    NoConnection,
    SocketRefused,
    SocketLost,
    /// The web client tries again, but the server should not answer so.
    Unexpected,
}

/// Setbacks by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setbacks(BTreeMap<Setback, u64>);

impl Setbacks {
    fn add(&mut self, setback: Setback) {
        *self.0.entry(setback).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (setback, count) in &other.0 {
            *self.0.entry(*setback).or_default() += count;
        }
    }

    /// For the report; what did not happen is 0.
    pub fn figures(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.named(|(name, _)| name)
    }

    /// The same of a first coming that is not what is measured.
    pub fn figures_of_coming(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.named(|(_, name)| name)
    }

    fn named(
        &self,
        choose: fn((&'static str, &'static str)) -> &'static str,
    ) -> impl Iterator<Item = (&'static str, f64)> {
        let names = [
            (Setback::TooMany, ("answers_429", "coming_answers_429")),
            (Setback::Unavailable, ("answers_503", "coming_answers_503")),
            (
                Setback::NoConnection,
                ("connections_failed", "coming_connections_failed"),
            ),
            (
                Setback::SocketRefused,
                ("sockets_refused", "coming_sockets_refused"),
            ),
            (
                Setback::SocketLost,
                ("sockets_lost_before_join", "coming_sockets_lost_before_join"),
            ),
        ];
        names.into_iter().map(move |(setback, names)| {
            let count = self.0.get(&setback).copied().unwrap_or_default();
            (choose(names), float(count))
        })
    }
}

impl EnterError {
    /// What it means to the web client; `None` when it gives up.
    fn setback(&self) -> Option<Setback> {
        match self {
            Self::Api(ApiError::Refused { status, code, .. }) => match (*status, code.as_str()) {
                (StatusCode::TOO_MANY_REQUESTS, _) => Some(Setback::TooMany),
                (StatusCode::SERVICE_UNAVAILABLE, _) => Some(Setback::Unavailable),
                (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, _)
                | (StatusCode::UNAUTHORIZED, "wrong_room_password")
                | (StatusCode::BAD_REQUEST, "bad_request" | "no_breakout_rooms") => None,
                _ => Some(Setback::Unexpected),
            },
            Self::Api(ApiError::Transport { .. }) => Some(Setback::NoConnection),
            Self::Api(_) => None,
            Self::Client(error) => error.setback(),
        }
    }
}

impl ClientError {
    fn setback(&self) -> Option<Setback> {
        match self {
            Self::Upgrade(_) => Some(Setback::SocketRefused),
            Self::Closed(code) if CLOSED_FOR_NOW.contains(code) => Some(Setback::SocketLost),
            Self::Lost(_) | Self::SendTimeout => Some(Setback::SocketLost),
            _ => None,
        }
    }
}

/// Where everybody is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub inside: u64,
    /// Those who lost their socket after the join at least once.
    pub lost: u64,
    pub gave_up: u64,
    pub first_lost_at: Option<Instant>,
}

/// What all participants share.
pub struct Gathering {
    pub entry: Entry,
    pub counts: watch::Sender<Counts>,
    over: watch::Sender<bool>,
    /// The coming back after a restart is what is measured: sockets may end after the join, and the first coming goes in
    /// turn, among at most `--join-concurrency`, with short pauses.
    awaits_restart: bool,
}

impl Gathering {
    pub fn new(entry: Entry) -> Self {
        Self {
            entry,
            counts: watch::Sender::default(),
            over: watch::Sender::new(false),
            awaits_restart: false,
        }
    }

    /// A gathering that a restart of the server interrupts.
    pub fn with_restart(entry: Entry) -> Self {
        Self {
            awaits_restart: true,
            ..Self::new(entry)
        }
    }

    /// Everybody leaves, or stops trying.
    pub fn end(&self) {
        self.over.send_replace(true);
    }
}

/// A participant's account of the run.
#[derive(Debug, Default)]
pub struct Account {
    /// From the first attempt to the first `join_success`.
    pub join: Option<(Moment, Moment)>,
    /// From the loss of a socket to the next `join_success`.
    pub returns: Vec<Duration>,
    pub before_join: Setbacks,
    pub before_return: Setbacks,
    pub errors: Errors,
}

struct Persistent {
    gathering: Arc<Gathering>,
    seat: Seat,
    /// Of the last ticket.
    resumption: Option<String>,
    id: Option<String>,
    lost_at: Option<Moment>,
    account: Account,
}

/// Takes part until the gathering ends, from `due` on.
pub async fn take_part(gathering: Arc<Gathering>, seat: Seat, due: Instant) -> Account {
    sleep_until(due).await;
    let mut over = gathering.over.subscribe();
    let counts = gathering.counts.clone();
    let mut persistent = Persistent {
        gathering,
        seat,
        resumption: None,
        id: None,
        lost_at: None,
        account: Account::default(),
    };
    loop {
        let came = tokio::select! {
            came = persistent.come() => came,
            // The sender lives in the gathering.
            _ = over.wait_for(|over| *over) => {
                persistent.account.errors.add("not inside in time");
                return persistent.account;
            }
        };
        let Some(mut participant) = came else {
            counts.send_modify(|counts| counts.gave_up += 1);
            return persistent.account;
        };
        counts.send_modify(|counts| counts.inside += 1);
        let stayed = stay(&mut participant, &mut over).await;
        let Err(error) = stayed else {
            if let Err(error) = participant.close().await {
                persistent.account.errors.add(error.kind());
            }
            return persistent.account;
        };
        persistent.lose(&error);
    }
}

/// Reads until the gathering is over.
async fn stay(participant: &mut Participant, over: &mut watch::Receiver<bool>) -> Result<(), ClientError> {
    loop {
        tokio::select! {
            event = participant.event() => { event?; }
            _ = over.wait_for(|over| *over) => return Ok(()),
        }
    }
}

impl Persistent {
    /// Comes in, or back, however often it takes; `None` when the web client would give up.
    async fn come(&mut self) -> Option<Participant> {
        let gathering = Arc::clone(&self.gathering);
        let in_turn = gathering.awaits_restart && self.id.is_none();
        let _turn = if in_turn {
            // The semaphore is never closed.
            gathering.entry.turns.acquire().await.ok()
        } else {
            None
        };
        let pause = gathering.entry.args.retry;
        let pause = if in_turn { pause.min(IN_TURN_PAUSE) } else { pause };
        if self.id.is_some() {
            sleep(pause).await;
        }
        let begun = gathering.entry.clock.now();
        loop {
            match self.attempt().await {
                Ok(entered) => return Some(self.enter(entered, begun)),
                Err(error) => {
                    let setback = error.setback();
                    if setback.is_none_or(|setback| self.is_fault(setback)) {
                        self.account.errors.add(error.kind());
                    }
                    match self.id {
                        None => self.account.before_join.add(setback?),
                        Some(_) => self.account.before_return.add(setback?),
                    }
                }
            }
            sleep(pause).await;
        }
    }

    /// Whether a setback is one that should not be. A server that restarts can't be reached for a while.
    fn is_fault(&self, setback: Setback) -> bool {
        let is_away = self.gathering.awaits_restart && self.id.is_some();
        setback == Setback::Unexpected || (setback == Setback::NoConnection && !is_away)
    }

    async fn attempt(&mut self) -> Result<Entered, EnterError> {
        let entry = &self.gathering.entry;
        let started = entry.clock.now();
        let way = Way {
            resumption: self.resumption.as_deref(),
            breakout_room: None,
        };
        let ticket = entry.ticket(&self.seat, way).await?;
        self.resumption = Some(ticket.resumption.clone());
        let mut participant = entry.connect(&self.seat, &ticket, ReadBuffer::Normal).await?;
        let entrance = participant.join(&self.seat.name(), entry.args.timeout).await?;
        Ok(Entered {
            participant,
            id: entrance.id,
            resumption: ticket.resumption,
            others: entrance.others,
            breakout_room: entrance.breakout_room,
            started,
            joined: entry.clock.now(),
        })
    }

    fn enter(&mut self, entered: Entered, begun: Moment) -> Participant {
        match (&self.id, self.lost_at.take()) {
            (Some(id), Some(lost_at)) => {
                if *id != entered.id {
                    self.account.errors.add("came back under another id");
                }
                self.account.returns.push(entered.joined.since(lost_at));
            }
            _ => self.account.join = Some((begun, entered.joined)),
        }
        self.id = Some(entered.id);
        entered.participant
    }

    fn lose(&mut self, error: &ClientError) {
        let is_first = self.account.returns.is_empty();
        self.lost_at = Some(self.gathering.entry.clock.now());
        // The web client stays away after other codes, but here it is wanted back: what was wrong is told.
        if !self.gathering.awaits_restart || error.setback().is_none() {
            self.account.errors.add(error.kind());
        }
        self.gathering.counts.send_modify(|counts| {
            counts.inside -= 1;
            counts.lost += u64::from(is_first);
            counts.first_lost_at.get_or_insert(Instant::now());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Option<Setback> {
        let error = ApiError::Refused {
            operation: "POST start_invited",
            status: StatusCode::from_u16(status).unwrap(),
            code: code.to_owned(),
        };
        EnterError::from(error).setback()
    }

    #[test]
    fn what_the_web_client_tries_again() {
        for (status, code, setback) in [
            (429, "too_many_requests", Some(Setback::TooMany)),
            (503, "service_unavailable", Some(Setback::Unavailable)),
            (401, "wrong_room_password", None),
            (401, "unauthorized", Some(Setback::Unexpected)),
            (400, "bad_request", None),
            (400, "invalid_json", Some(Setback::Unexpected)),
            (403, "banned_from_room", None),
            (404, "not_found", None),
            (500, "", Some(Setback::Unexpected)),
        ] {
            assert_eq!(refused(status, code), setback, "{status} {code}");
        }
        let client = |error: ClientError| EnterError::from(error).setback();
        assert_eq!(
            client(ClientError::Upgrade(StatusCode::UNAUTHORIZED)),
            Some(Setback::SocketRefused)
        );
        for (code, setback) in [
            (1001, Some(Setback::SocketLost)),
            (1013, Some(Setback::SocketLost)),
            (1000, None),
            (1008, None),
        ] {
            assert_eq!(client(ClientError::Closed(code)), setback, "{code}");
        }
        assert_eq!(client(ClientError::Join("banned".to_owned())), None);
    }

    #[test]
    fn setbacks_add_up_and_nothing_is_nought() {
        let (mut all, mut one) = (Setbacks::default(), Setbacks::default());
        one.add(Setback::TooMany);
        one.add(Setback::TooMany);
        all.merge(&one);
        all.merge(&one);
        let figures: BTreeMap<_, _> = all
            .figures()
            .map(|(name, count)| (name, count.to_string()))
            .collect();
        assert_eq!(
            (&*figures["answers_429"], &*figures["sockets_refused"]),
            ("4", "0")
        );
        let coming = all
            .figures_of_coming()
            .find(|(name, _)| *name == "coming_answers_429");
        assert!(coming.is_some());
    }
}
