//! How participants come in: a ticket by REST, a socket, a join.

use std::{net::IpAddr, sync::Arc};

use tokio::sync::Semaphore;
use url::Url;

use crate::{
    api::{Api, ApiError, Ticket, Way},
    args::{Args, ScenarioName},
    client::{ClientError, Participant, ReadBuffer},
    clock::{Clock, Moment},
    meetings::Meeting,
};

/// What everybody in a run needs to come in.
pub struct Entry {
    pub args: Arc<Args>,
    pub api: Arc<Api>,
    pub signaling: Url,
    pub clock: Clock,
    /// Those who join at the same time.
    pub turns: Semaphore,
}

/// A place in a meeting.
#[derive(Debug, Clone)]
pub struct Seat {
    pub meeting: Arc<Meeting>,
    /// Index of the room in the run.
    pub room: usize,
    /// Index of the participant in its room; 0 is the owner.
    pub index: u32,
    /// Number of the participant in the run.
    pub number: u64,
}

/// Somebody who has joined.
pub struct Entered {
    pub participant: Participant,
    pub id: String,
    /// Token for coming back.
    pub resumption: String,
    /// Participants that were listed on the join.
    pub others: usize,
    pub breakout_room: Option<String>,
    /// From the `start`…
    pub started: Moment,
    /// …to the `join_success`.
    pub joined: Moment,
}

/// A socket that has not joined.
pub struct Visitor {
    pub participant: Participant,
    pub resumption: String,
    pub started: Moment,
}

#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    #[error("{0}")]
    Api(#[from] ApiError),
    #[error("{0}")]
    Client(#[from] ClientError),
}

impl EnterError {
    /// A short name for counting.
    pub fn kind(&self) -> String {
        match self {
            Self::Api(error) => error.kind(),
            Self::Client(error) => error.kind(),
        }
    }
}

impl Entry {
    pub fn new(args: Arc<Args>, api: Arc<Api>) -> Result<Self, ApiError> {
        Ok(Self {
            signaling: api.signaling_url()?,
            api,
            clock: Clock::start(),
            turns: Semaphore::new(args.join_concurrency),
            args,
        })
    }

    /// Comes in, among at most `--join-concurrency` at a time.
    pub async fn enter_in_turn(&self, seat: &Seat, read_buffer: ReadBuffer) -> Result<Entered, EnterError> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        self.enter(seat, Way::default(), read_buffer).await
    }

    pub async fn enter(
        &self,
        seat: &Seat,
        way: Way<'_>,
        read_buffer: ReadBuffer,
    ) -> Result<Entered, EnterError> {
        let mut visitor = self.visit(seat, way, read_buffer).await?;
        let time_limit = self.args.timeout;
        let entrance = visitor.participant.join(&seat.name(), time_limit).await?;
        Ok(Entered {
            participant: visitor.participant,
            id: entrance.id,
            resumption: visitor.resumption,
            others: entrance.others,
            breakout_room: entrance.breakout_room,
            started: visitor.started,
            joined: self.clock.now(),
        })
    }

    /// Opens a socket and stays before the join.
    pub async fn visit(
        &self,
        seat: &Seat,
        way: Way<'_>,
        read_buffer: ReadBuffer,
    ) -> Result<Visitor, EnterError> {
        let started = self.clock.now();
        let ticket = self.ticket(seat, way).await?;
        let participant = self.connect(seat, &ticket, read_buffer).await?;
        Ok(Visitor {
            participant,
            resumption: ticket.resumption,
            started,
        })
    }

    /// Asks for a ticket, as a user or by the invite.
    pub async fn ticket(&self, seat: &Seat, way: Way<'_>) -> Result<Ticket, ApiError> {
        let Meeting {
            owner,
            room,
            invite_code,
        } = seat.meeting.as_ref();
        let from = self.address(seat);
        if seat.index == 0 || self.args.scenario == ScenarioName::Vote {
            let user = self.api.after(*owner, seat.index);
            self.api.start(user, *room, way, from).await
        } else {
            self.api.start_invited(*room, invite_code, way, from).await
        }
    }

    /// Redeems a ticket.
    pub async fn connect(
        &self,
        seat: &Seat,
        ticket: &Ticket,
        read_buffer: ReadBuffer,
    ) -> Result<Participant, ClientError> {
        Participant::connect(&self.signaling, &ticket.ticket, read_buffer, self.address(seat)).await
    }

    /// Where a participant seems to come from. The first numbers are those of the accounts.
    fn address(&self, seat: &Seat) -> Option<IpAddr> {
        let accounts = self.args.accounts.len() as u64;
        self.args.forwarded_for().address(accounts + seat.number)
    }
}

impl Seat {
    /// All places of these meetings: every room's first before the second ones.
    pub fn all(meetings: Vec<Meeting>, participants: u32) -> Vec<Self> {
        let meetings: Vec<_> = meetings.into_iter().map(Arc::new).collect();
        let places = (0..participants).flat_map(|index| {
            let rooms = meetings.iter().enumerate();
            rooms.map(move |(room, meeting)| (index, room, meeting))
        });
        let seats = places.zip(0..).map(|((index, room, meeting), number)| Self {
            meeting: Arc::clone(meeting),
            room,
            index,
            number,
        });
        seats.collect()
    }

    pub fn name(&self) -> String {
        format!("Participant {}", self.index)
    }
}
