//! The reader task: parses, limits, answers `echo` itself, and watches over the connection with pings.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use futures_util::{FutureExt as _, StreamExt};
use ractor::ActorRef;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes},
};

use super::{
    Link, SessionMsg, Socket,
    limiter::{Limiter, RateLimits, Verdict},
    meter::Meter,
};
use crate::{
    encoding::EncodeError,
    frame::Frame,
    ids::RoomId,
    ports::{CallerNames, Clock},
    protocol::{
        self, Command, Incoming, Namespace,
        chat::ChatCommand,
        codes::CloseCode,
        control::{ControlCommand, ControlError, ControlEvent},
        limits::{JOIN_AGAIN_SECS, PING_INTERVAL_SECS, PONG_TIMEOUT_SECS},
        moderation::ModerationEvent,
    },
    shell::SessionLink,
};

/// How reading ended: what it means for the participant, and the code that the client gets.
type End = (crate::room::input::Ending, Option<CloseCode>);

pub(super) struct Reader {
    room: RoomId,
    link: Link,
    limiter: Limiter,
    meter: Arc<Meter>,
    clock: Arc<dyn Clock>,
    /// For callers by telephone only.
    caller_names: Option<Arc<dyn CallerNames>>,
    /// When the client must be inside or wait; none once it is.
    join_due: Option<Instant>,
    /// Whether it has sent `join`: it must then be told why it is sent away.
    has_asked: bool,
}

/// When the reader looks at something else than what the client sends.
struct Watch {
    next_ping: Instant,
    pong_due: Option<Instant>,
    /// What the socket had taken at the last look.
    taken: u64,
}

/// Waits for the turn of what exceeds the burst. The timer is not asked where nothing is to wait for: it counts whole
/// milliseconds.
async fn pace(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}

impl Reader {
    pub fn new(
        room: RoomId,
        link: Link,
        meter: Arc<Meter>,
        rates: RateLimits,
        clock: Arc<dyn Clock>,
        caller_names: Option<Arc<dyn CallerNames>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            room,
            link,
            limiter: Limiter::new(rates, now),
            meter,
            clock,
            caller_names,
            join_due: Some(now + Duration::from_secs(rates.join_deadline_secs)),
            has_asked: false,
        }
    }

    pub async fn run<S: Socket>(mut self, mut stream: WebSocketStream<S>, actor: ActorRef<SessionMsg>) {
        let (how, code) = self.read(&mut stream).await;
        if self.has_asked && code.is_some_and(|code| !code.client_reconnects()) {
            // Without a word clients take such an end for a break, and show an empty meeting for ever.
            self.answer(&ModerationEvent::Kicked);
        }
        if code.is_none() {
            // The library answers the client's close frame when it is asked once more.
            let _ = stream.next().now_or_never();
        }
        // The actor may have stopped already.
        let _ = actor.cast(SessionMsg::Read(how, code));
        // The client's answer to our close frame ends the connection cleanly. A broken stream says nothing about that:
        // ending it at once could reset the connection before the client has read why.
        let mut closed = code.is_none();
        while let Some(Ok(message)) = stream.next().await {
            closed |= message.is_close();
        }
        if closed {
            let _ = actor.cast(SessionMsg::Drained);
        }
    }

    async fn read<S: Socket>(&mut self, stream: &mut WebSocketStream<S>) -> End {
        let mut watch = Watch {
            next_ping: Instant::now() + Duration::from_secs(PING_INTERVAL_SECS),
            pong_due: None,
            taken: 0,
        };
        loop {
            let wake = [Some(watch.next_ping), watch.pong_due, self.join_due];
            let wake = wake.into_iter().flatten().min().unwrap_or(watch.next_ping);
            let mut waits = false;
            let next = poll_fn(|cx| {
                let next = stream.poll_next_unpin(cx);
                if next.is_pending() && self.meter.excess().is_some() {
                    return Poll::Ready(None);
                }
                waits |= next.is_pending();
                next
            });
            let next = tokio::time::timeout_at(wake, next).await;
            if waits {
                self.limiter.caught_up();
            }
            let ended = match next {
                Ok(next) => self.next(next, &mut watch).await,
                Err(_elapsed) => self.look(&mut watch, Instant::now()),
            };
            if let Some(end) = ended {
                return end;
            }
        }
    }

    /// What is due without the client: pings, and the end of its patience or ours.
    fn look(&mut self, watch: &mut Watch, now: Instant) -> Option<End> {
        use crate::room::input::Ending::{Lost, Quit};
        if watch.pong_due.is_some_and(|due| due <= now) {
            // Its answer is behind what the client is still reading.
            let taken = self.link.taken();
            if std::mem::replace(&mut watch.taken, taken) == taken {
                return Some((Lost, None));
            }
            watch.pong_due = Some(now + Duration::from_secs(PONG_TIMEOUT_SECS));
        }
        if self.link.is_seated() {
            self.join_due = None;
        } else if self.join_due.is_some_and(|due| due <= now) {
            return Some((Quit, Some(CloseCode::PolicyViolation)));
        }
        if watch.next_ping <= now {
            watch.next_ping = now + Duration::from_secs(PING_INTERVAL_SECS);
            watch.taken = self.link.taken();
            watch.pong_due = watch
                .pong_due
                .or(Some(now + Duration::from_secs(PONG_TIMEOUT_SECS)));
            self.link.ping();
        }
        None
    }

    /// Handles what came; an end is how reading ends.
    async fn next(
        &mut self,
        next: Option<Result<Message, tungstenite::Error>>,
        watch: &mut Watch,
    ) -> Option<End> {
        use crate::room::input::Ending::{Lost, Quit};
        let handled = match next {
            Some(Ok(Message::Close(_))) => return Some((Quit, None)),
            Some(Ok(Message::Pong(_))) => {
                watch.pong_due = None;
                self.control_frame().await
            }
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => self.control_frame().await,
            Some(Ok(Message::Text(text))) => self.message(&text).await,
            Some(Ok(Message::Binary(bytes))) => {
                let text = Utf8Bytes::try_from(bytes).unwrap_or_default();
                self.message(&text).await
            }
            Some(Err(tungstenite::Error::Capacity(_))) => Err(CloseCode::MessageTooBig),
            Some(Err(tungstenite::Error::Utf8(_))) => return Some((Lost, Some(CloseCode::InvalidData))),
            Some(Err(_)) | None => match self.meter.excess() {
                Some(code) => Err(code),
                None => return Some((Lost, None)),
            },
        };
        handled.err().map(|code| (Quit, Some(code)))
    }

    /// A ping or pong: the library has answered it already, and the next one is read when its turn has come.
    async fn control_frame(&mut self) -> Result<(), CloseCode> {
        match self.limiter.message(0, 1, Instant::now()) {
            Verdict::Handle(wait) => pace(wait).await,
            Verdict::Refuse => {}
            Verdict::Abuse => return Err(CloseCode::PolicyViolation),
        }
        Ok(())
    }

    /// Handles one message; an error is the code to close with.
    async fn message(&mut self, text: &str) -> Result<(), CloseCode> {
        let mut incoming = protocol::parse(text);
        let (now, frames) = (Instant::now(), 1 + self.meter.take_pieces());
        let verdict = match incoming {
            Incoming::Echo(_) => self.limiter.echo(text.len(), frames, now),
            _ => self.limiter.message(text.len(), frames, now),
        };
        let is_search = matches!(
            &incoming,
            Incoming::Command(Command::Chat(ChatCommand::SearchHistory { .. }))
        );
        match verdict {
            Verdict::Handle(_) if is_search && !self.limiter.search(now) => {
                self.answer(&ControlEvent::RateLimitExceeded);
            }
            Verdict::Handle(wait) => {
                pace(wait).await;
                self.name_caller(&mut incoming).await;
                self.incoming(incoming, text.len());
            }
            Verdict::Refuse => self.answer(&ControlEvent::RateLimitExceeded),
            Verdict::Abuse => return Err(CloseCode::PolicyViolation),
        }
        Ok(())
    }

    /// The room knows no numbers, and its rules can't ask outside: what it gets is the name that everybody shall see.
    async fn name_caller(&self, incoming: &mut Incoming<'_>) {
        let Some(names) = &self.caller_names else { return };
        if let Incoming::Command(Command::Control(ControlCommand::Join {
            display_name: Some(name),
            number,
        })) = incoming
        {
            let given = name.to_string();
            *number = names.origin(&given);
            *name = names.name(self.room, given).await.into();
        }
    }

    fn incoming(&mut self, incoming: Incoming<'_>, bytes: usize) {
        let error = match incoming {
            Incoming::Echo(payload) => {
                return self.push(protocol::encode_echo(payload, self.clock.now()));
            }
            Incoming::Command(command) => match self.command(command, bytes) {
                Ok(()) => return,
                Err(error) => error,
            },
            Incoming::NotJson
            | Incoming::InvalidPayload {
                namespace: Namespace::Control,
            } => ControlError::InvalidJson,
            // Other namespaces, unknown ones too, are dropped silently before the join.
            Incoming::InvalidPayload { .. } | Incoming::UnknownNamespace if !self.link.has_joined() => return,
            Incoming::InvalidPayload { namespace } if self.link.is_open(namespace) => {
                ControlError::InvalidJson
            }
            Incoming::InvalidPayload { .. } | Incoming::UnknownNamespace => ControlError::InvalidNamespace,
        };
        self.answer(&ControlEvent::Error(error));
    }

    fn command(&mut self, command: Command, bytes: usize) -> Result<(), ControlError> {
        let namespace = command.namespace();
        if namespace != Namespace::Control {
            if !self.link.has_joined() {
                return Ok(());
            }
            if !self.link.is_open(namespace) {
                return Err(ControlError::InvalidNamespace);
            }
        }
        if matches!(command, Command::Control(ControlCommand::Join { .. })) {
            self.has_asked = true;
            // Who is blocked asks again and again.
            let again = Instant::now() + Duration::from_secs(JOIN_AGAIN_SECS);
            self.join_due = self.join_due.map(|due| due.max(again));
        }
        if !self.link.command(command, bytes) {
            self.answer(&ControlEvent::RateLimitExceeded);
        }
        Ok(())
    }

    /// An answer of the session itself carries no number.
    fn answer<E: protocol::Event>(&self, event: &E) {
        self.push(protocol::encode(event, self.clock.now(), None));
    }

    /// A session that can't say what it has to is over; its client comes back.
    fn push(&self, frame: Result<Utf8Bytes, EncodeError>) {
        match frame {
            Ok(text) => self.link.push(Frame::new(text, 1)),
            Err(_) => self.link.close(CloseCode::Restart),
        }
    }
}
