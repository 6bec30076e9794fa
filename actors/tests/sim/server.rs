//! The process that holds the room: its mailbox and turns around the real [`LoggedRoom`], one await at a time.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use colloquy_actors::{
    ids::{RoomId, SessionNo, Timestamp},
    journal::{JournalError, file::Staged},
    livekit::{Call, Livekit},
    logged::{Handled, LoggedRoom, RoomFailure},
    protocol::limits::TURN_INPUTS_MAX,
    room::{
        Room, RoomSettings,
        effects::Effects,
        input::{Input, Stamped},
    },
    room_actor::kept::Kept,
    ticket::{Claim, Tickets},
};

use super::{chance::Chance, disk::Disk, ledger::Ledger};

/// Who waits for what becomes of an input.
#[derive(Debug, Clone)]
pub enum From {
    Nobody,
    Session(SessionNo),
    /// A client's call of `start`, and what its ticket will be good for.
    Start {
        client: usize,
        ask: u64,
        claim: Claim,
    },
}

type Doing<T> = Pin<Box<dyn Future<Output = (Box<LoggedRoom>, T)>>>;
type Snapshot = Box<dyn FnOnce() -> Result<Staged, JournalError>>;

/// What the actor is in the middle of.
enum State {
    Idle(Box<LoggedRoom>),
    Logging(Doing<(Vec<Stamped>, Result<(), JournalError>)>, Vec<From>),
    Handling(Doing<Result<Handled, RoomFailure>>, Box<Stamped>, From),
    /// Between two states only.
    Between,
}

/// What a step of the actor brought.
#[derive(Debug)]
pub enum Progress {
    /// It waits for the disk, or for inputs.
    Waits,
    /// It did something that nobody sees.
    Worked,
    Handled(Stamped, From, Effects),
    /// Also the session that is to be cut for it.
    Panicked(Stamped, From, Option<SessionNo>),
    Failed(RoomFailure),
}

pub struct Server {
    state: State,
    mailbox: VecDeque<(Input, From)>,
    batch: VecDeque<(Stamped, From)>,
    pub ledger: Ledger,
    pub tickets: Tickets,
    pub kept: Kept,
    /// Calls to LiveKit under way.
    pub calls: BTreeMap<u64, Call>,
    /// When the room wants to be woken.
    pub alarm: Option<Timestamp>,
    /// By how much the room's time is ahead of the clock.
    ahead: i64,
    snapshot: Option<Snapshot>,
    /// What a revival brought, not released yet.
    revival: Option<(Stamped, Effects)>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("waiting", &self.mailbox.len())
            .finish_non_exhaustive()
    }
}

fn poll<T>(doing: &mut Doing<T>) -> Poll<(Box<LoggedRoom>, T)> {
    doing.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

impl Server {
    fn new(room: LoggedRoom, ledger: Ledger) -> Self {
        Self {
            ledger,
            alarm: room.room().next_deadline(),
            ahead: room.time(Timestamp::from_micros(0)).as_micros(),
            state: State::Idle(Box::new(room)),
            mailbox: VecDeque::new(),
            batch: VecDeque::new(),
            tickets: Tickets::default(),
            kept: Kept::default(),
            calls: BTreeMap::new(),
            snapshot: None,
            revival: None,
        }
    }

    /// A room without a log.
    pub fn create(disk: &Disk, id: RoomId, settings: RoomSettings, livekit: &Arc<Livekit>) -> Self {
        let room = Room::new(id, settings);
        let ledger = Ledger::new(room.clone(), Arc::clone(livekit));
        let logged = LoggedRoom::create(room, disk.log(), Arc::clone(livekit));
        Self::new(logged.expect("a whole log can always be written"), ledger)
    }

    /// A room as its log tells it; the first that it hears is that everybody was lost.
    pub fn revive(
        disk: &Disk,
        mut ledger: Ledger,
        livekit: &Arc<Livekit>,
        now: Timestamp,
        chance: &mut Chance,
    ) -> Result<Self, JournalError> {
        let revived = LoggedRoom::revive(disk.log(), Arc::clone(livekit), now, chance.number())?;
        ledger.write(std::slice::from_ref(&revived.restarted));
        ledger.handled(revived.restarted.seq, &revived.effects);
        Ok(Self {
            revival: Some((revived.restarted, revived.effects)),
            ..Self::new(revived.room, ledger)
        })
    }

    pub fn post(&mut self, input: Input, from: From) {
        self.mailbox.push_back((input, from));
    }

    /// The room's time.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(now.as_micros() + self.ahead)
    }

    /// The room, unless something is being done with it.
    pub fn room(&self) -> Option<&LoggedRoom> {
        match &self.state {
            State::Idle(room) => Some(room),
            _ => None,
        }
    }

    /// Nothing waits and nothing is being done.
    pub fn is_idle(&self) -> bool {
        self.is_between_turns() && self.mailbox.is_empty() && self.revival.is_none()
    }

    /// Goes on until the next thing that can be waited for, or seen.
    pub fn step(&mut self, now: Timestamp, chance: &mut Chance) -> Progress {
        if let Some((restarted, effects)) = self.revival.take() {
            return Progress::Handled(restarted, From::Nobody, effects);
        }
        match std::mem::replace(&mut self.state, State::Between) {
            State::Idle(room) => self.begin(room, now, chance),
            State::Logging(mut doing, senders) => match poll(&mut doing) {
                Poll::Pending => {
                    self.state = State::Logging(doing, senders);
                    Progress::Waits
                }
                Poll::Ready((room, (batch, Ok(())))) => {
                    self.state = State::Idle(room);
                    self.batch = batch.into_iter().zip(senders).collect();
                    Progress::Worked
                }
                Poll::Ready((_, (_, Err(error)))) => Progress::Failed(RoomFailure::Rebuild(error)),
            },
            State::Handling(mut doing, stamped, from) => match poll(&mut doing) {
                Poll::Pending => {
                    self.state = State::Handling(doing, stamped, from);
                    Progress::Waits
                }
                Poll::Ready((room, handled)) => self.handled(room, handled, *stamped, from),
            },
            State::Between => Progress::Waits,
        }
    }

    /// The next input of the batch, or the next batch.
    fn begin(&mut self, mut room: Box<LoggedRoom>, now: Timestamp, chance: &mut Chance) -> Progress {
        if let Some((stamped, from)) = self.batch.pop_front() {
            let input = stamped.clone();
            let doing = async move {
                let handled = room.handle(input).await;
                (room, handled)
            };
            self.state = State::Handling(Box::pin(doing), Box::new(stamped), from);
            return Progress::Worked;
        }
        if self.mailbox.is_empty() {
            self.state = State::Idle(room);
            return Progress::Waits;
        }
        let count = self.mailbox.len().min(TURN_INPUTS_MAX);
        let (inputs, senders): (Vec<_>, Vec<_>) = self.mailbox.drain(..count).unzip();
        let batch = room.stamp(inputs, now, || chance.number());
        self.ledger.write(&batch);
        let doing = async move {
            let done = room.log(&batch).await;
            (room, (batch, done))
        };
        self.state = State::Logging(Box::pin(doing), senders);
        Progress::Worked
    }

    fn handled(
        &mut self,
        room: Box<LoggedRoom>,
        handled: Result<Handled, RoomFailure>,
        stamped: Stamped,
        from: From,
    ) -> Progress {
        let handled = match handled {
            Ok(handled) => handled,
            Err(failure) => return Progress::Failed(failure),
        };
        if self.batch.is_empty() {
            self.alarm = room.room().next_deadline();
        }
        self.state = State::Idle(room);
        match handled {
            Handled::Panicked { cut } => Progress::Panicked(stamped, from, cut),
            Handled::Done(effects) => {
                self.ledger.handled(stamped.seq, &effects);
                Progress::Handled(stamped, from, effects)
            }
        }
    }

    /// Wakes the room when something is due.
    pub fn ring(&mut self, now: Timestamp) {
        if self.alarm.is_some_and(|at| at <= self.time(now)) {
            self.alarm = None;
            self.post(Input::Tick, From::Nobody);
        }
    }

    /// Begins a snapshot, or ends the one that is being written; it may fail.
    pub fn snapshot(&mut self, chance: &mut Chance) -> Result<(), String> {
        let between = self.is_between_turns();
        let State::Idle(room) = &mut self.state else {
            return Ok(());
        };
        if !between {
            return Ok(());
        }
        let Some(write) = self.snapshot.take() else {
            self.snapshot = Some(Box::new(room.stage_snapshot()));
            return Ok(());
        };
        let staged = if chance.one_in(5) {
            Err(JournalError::Io(std::io::Error::other("no space for a snapshot")))
        } else {
            write()
        };
        let must_fail = staged.is_err();
        let number = room.journal().last_snapshot();
        let adopted = room.adopt(number, staged);
        if adopted.is_err() == must_fail || room.disk_failed() {
            Ok(())
        } else {
            Err(format!("a snapshot: {adopted:?}"))
        }
    }

    /// The server stops in order, with a last snapshot; whatever waits is dropped.
    pub fn stop(&mut self) -> Result<(), String> {
        match &mut self.state {
            State::Idle(room) => room.snapshot_now().map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }

    /// Whether everything that is in the log was handled.
    pub fn is_between_turns(&self) -> bool {
        self.room().is_some() && self.batch.is_empty()
    }

    /// The log on the disk, or in memory where the disk failed, tells the state that the room has.
    pub fn check_log(&self) -> Result<(), String> {
        let Some(logged) = self.room().filter(|_| self.is_between_turns()) else {
            return Ok(());
        };
        let rebuilt = logged
            .journal()
            .rebuild(u64::MAX, &self.ledger.livekit)
            .map_err(|error| error.to_string())?;
        if rebuilt == *logged.room() {
            Ok(())
        } else {
            Err(format!(
                "the journal gives {rebuilt:?}, the room is {:?}",
                logged.room()
            ))
        }
    }
}
