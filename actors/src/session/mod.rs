//! One WebSocket session: an actor for control, a reader task, a writer task and a bounded queue between them.
//!
//! The session is not linked to its room (a link would end it with the room), and does not watch it either: the room holds
//! the session's [`Link`], and whoever drops a room's shell tells the links that are in it. Then the session looks for the room's next life.

mod batch;
mod finder;
mod limiter;
mod link;
mod mailbox;
mod meter;
pub(crate) mod networks;
mod pieces;
mod reader;
mod replies;
mod unfinished;
mod unread;
mod writer;

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

pub use self::{
    finder::Finder,
    limiter::RateLimits,
    link::{Arriving, Link},
    mailbox::Mailbox,
};
use self::{
    link::Shared,
    meter::{Meter, Metered},
    reader::Reader,
};
use crate::{
    ids::{SessionNo, UserId},
    ports::{CallerNames, Clock, Ports},
    protocol::{
        codes::CloseCode,
        limits::{
            CLOSE_WAIT_SECS, MESSAGE_BYTES_MAX, SOCKET_READ_BYTES, SOCKET_UNSENT_BYTES_MAX,
            SOCKET_WRITE_BYTES,
        },
        meeting::Caller,
    },
    room::{
        access::Origin,
        input::{Ending, SeatTaken},
    },
    shell::SessionLink,
};

/// What a socket must be able to do.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Socket for T {}

/// Buffers and sizes that every signaling socket is made with: the library's defaults cost 128 KiB each.
#[must_use]
pub fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(SOCKET_READ_BYTES)
        .write_buffer_size(SOCKET_WRITE_BYTES)
        .max_write_buffer_size(SOCKET_UNSENT_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// A redeemed ticket: the right to one session.
#[derive(Debug)]
pub struct RedeemedTicket {
    pub(crate) room: Arc<dyn Mailbox>,
    pub(crate) taken: SeatTaken,
    pub(crate) caller: Caller,
}

impl RedeemedTicket {
    /// Whose room it leads into; none where that is not known.
    #[must_use]
    pub fn room_owner(&self) -> Option<UserId> {
        self.room.owner()
    }

    /// The client goes on from the event with this number.
    #[must_use]
    pub fn resuming_from(mut self, resume_from: Option<u64>) -> Self {
        self.taken.resume_from = resume_from;
        self
    }

    /// Where the socket comes from.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.taken.origin = Some(origin);
        self
    }
}

/// What the tasks of a session tell its actor.
#[derive(Debug)]
pub enum SessionMsg {
    /// Nothing more is read: how the participation ends, and the close code that the client gets.
    Read(Ending, Option<CloseCode>),
    /// Nothing more is written; whether the last was the answer to the client's close frame.
    Written { is_answered: bool },
    /// The client has closed its side.
    Drained,
    /// The wait for the client's close frame is over.
    CloseWaited,
}

/// Places in limits that a session takes.
pub struct Places {
    /// Given back when the session has ended.
    pub while_open: Box<dyn Send>,
    /// Given back when the session is inside or waits.
    pub until_seated: Box<dyn Send>,
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places(..)")
    }
}

/// Starts the session of a redeemed ticket on a stream that has just been upgraded. It goes on by itself; whoever
/// accepted the stream is not needed any more.
pub async fn begin<S: Socket>(
    seat: RedeemedTicket,
    stream: S,
    rates: RateLimits,
    (ports, finder): (&Ports, Arc<dyn Finder>),
    places: Places,
) {
    let session = seat.taken.session;
    let by_telephone = seat.caller == Caller::Sip;
    let args = Args {
        seat,
        stream,
        rates,
        finder,
        clock: Arc::clone(&ports.clock),
        caller_names: by_telephone.then(|| Arc::clone(&ports.callers)),
        places,
    };
    if let Err(error) = Actor::spawn(None, SessionActor(PhantomData), args).await {
        tracing::error!(session = session.0, %error, "a session could not be started");
    }
}

struct SessionActor<S>(PhantomData<fn(S)>);

struct Args<S> {
    seat: RedeemedTicket,
    stream: S,
    rates: RateLimits,
    finder: Arc<dyn Finder>,
    clock: Arc<dyn Clock>,
    /// For sessions of callers by telephone only.
    caller_names: Option<Arc<dyn CallerNames>>,
    places: Places,
}

struct State {
    session: SessionNo,
    link: Link,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
    end_told: bool,
    drained: bool,
    written: bool,
    /// Places in limits, given back with the session.
    _while_open: Box<dyn Send>,
}

impl State {
    /// Tells the room once that the socket has ended.
    fn tell_end(&mut self, how: Ending) {
        if !std::mem::replace(&mut self.end_told, true) {
            self.link.end(how);
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl<S: Socket> Actor for SessionActor<S> {
    type Msg = SessionMsg;
    type State = State;
    type Arguments = Args<S>;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMsg>,
        args: Args<S>,
    ) -> Result<State, ActorProcessingErr> {
        let Args {
            seat,
            stream,
            rates,
            finder,
            clock,
            caller_names,
            places,
        } = args;
        let (link, queue) = Shared::link(myself.clone(), (&seat, rates, finder), places.until_seated);
        let meter = Arc::<Meter>::default();
        let (read, write) = tokio::io::split(stream);
        let metered = Metered::new(read, Arc::clone(&meter), Arc::clone(link.shared()));
        let stream = WebSocketStream::from_raw_socket(metered, Role::Server, Some(socket_config())).await;
        let writer = tokio::spawn(writer::run(
            write,
            queue,
            Arc::clone(link.shared()),
            myself.clone(),
        ));
        let RedeemedTicket { room, taken, .. } = seat;
        let (id, session) = (room.id(), taken.session);
        room.attach(taken, Arriving::new(link.clone()));
        let reader = Reader::new(id, link.clone(), meter, rates, clock, caller_names);
        let reader = tokio::spawn(reader.run(stream, myself.clone()));
        Ok(State {
            session,
            link,
            reader,
            writer,
            end_told: false,
            drained: false,
            written: false,
            _while_open: places.while_open,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMsg::Read(how, code) => {
                state.tell_end(how);
                if how == Ending::Lost && code.is_none() {
                    // No close frame: a client that still hears must not take this for a normal end.
                    myself.stop(None);
                    return Ok(());
                }
                // Answers the client's close frame, or says why the server ends it; then nothing more is written.
                state.link.close(code.unwrap_or(CloseCode::Normal));
                myself.send_after(Duration::from_secs(CLOSE_WAIT_SECS), || SessionMsg::CloseWaited);
            }
            SessionMsg::Written { is_answered } => {
                state.written = true;
                // Ended from here: an overflowing queue, a stalled write, or the room's own word; or the client has closed, and the answer was
                // faster than the reader's word of that.
                state.tell_end(if is_answered { Ending::Quit } else { Ending::Lost });
                myself.send_after(Duration::from_secs(CLOSE_WAIT_SECS), || SessionMsg::CloseWaited);
            }
            SessionMsg::Drained => state.drained = true,
            SessionMsg::CloseWaited => myself.stop(None),
        }
        if state.drained && state.written {
            myself.stop(None);
        }
        Ok(())
    }
}

impl Drop for State {
    /// Also of an actor that panicked.
    fn drop(&mut self) {
        self.tell_end(Ending::Lost);
        self.reader.abort();
        self.writer.abort();
    }
}
