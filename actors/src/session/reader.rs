//! The reader task: parses, limits, answers `echo` itself, and watches over the connection with pings.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::SplitStream};
use ractor::ActorRef;
use tokio::time::Instant;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes},
};

use super::{
    Link, SessionMsg, Socket,
    limiter::{Limiter, RateLimits, Verdict},
};
use crate::{
    ids::SessionNo,
    ports::{CallerNames, Clock},
    protocol::{
        self, Command, Incoming,
        chat::ChatCommand,
        codes::CloseCode,
        control::{ControlCommand, ControlError, ControlEvent},
        limits::{MESSAGE_BEFORE_JOIN_BYTES_MAX, PING_INTERVAL_SECS, PONG_TIMEOUT_SECS},
    },
    room_actor::{RoomMsg, RoomRef},
};

/// How reading ended: what it means for the participant, and the code that the client gets.
type End = (crate::room::input::Ending, Option<CloseCode>);

pub(super) struct Reader {
    room: RoomRef,
    session: SessionNo,
    link: Link,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
    /// For callers by telephone only.
    caller_names: Option<Arc<dyn CallerNames>>,
}

impl Reader {
    pub fn new(
        room: RoomRef,
        session: SessionNo,
        link: Link,
        rates: RateLimits,
        clock: Arc<dyn Clock>,
        caller_names: Option<Arc<dyn CallerNames>>,
    ) -> Self {
        Self {
            room,
            session,
            link,
            limiter: Limiter::new(rates, Instant::now()),
            clock,
            caller_names,
        }
    }

    pub async fn run<S: Socket>(
        mut self,
        mut stream: SplitStream<WebSocketStream<S>>,
        actor: ActorRef<SessionMsg>,
    ) {
        let (how, code) = self.read(&mut stream).await;
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

    async fn read<S: Socket>(&mut self, stream: &mut SplitStream<WebSocketStream<S>>) -> End {
        use crate::room::input::Ending::{Lost, Quit};
        let ping_every = Duration::from_secs(PING_INTERVAL_SECS);
        let mut next_ping = Instant::now() + ping_every;
        let mut pong_due = None;
        loop {
            let wake = pong_due.map_or(next_ping, |due| next_ping.min(due));
            match tokio::time::timeout_at(wake, stream.next()).await {
                Err(_elapsed) => {
                    let now = Instant::now();
                    if pong_due.is_some_and(|due| due <= now) {
                        return (Lost, None);
                    }
                    if next_ping <= now {
                        next_ping = now + ping_every;
                        pong_due = pong_due.or(Some(now + Duration::from_secs(PONG_TIMEOUT_SECS)));
                        self.link.ping();
                    }
                }
                Ok(Some(Ok(Message::Close(_)))) => return (Quit, None),
                Ok(Some(Ok(Message::Pong(_)))) => pong_due = None,
                Ok(Some(Ok(Message::Text(text)))) => {
                    if let Err(code) = self.message(&text).await {
                        return (Quit, Some(code));
                    }
                }
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    let text = Utf8Bytes::try_from(bytes).unwrap_or_default();
                    if let Err(code) = self.message(&text).await {
                        return (Quit, Some(code));
                    }
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Frame(_)))) => {}
                Ok(Some(Err(tungstenite::Error::Capacity(_)))) => {
                    return (Quit, Some(CloseCode::MessageTooBig));
                }
                Ok(Some(Err(tungstenite::Error::Utf8(_)))) => return (Lost, Some(CloseCode::InvalidData)),
                Ok(Some(Err(_)) | None) => return (Lost, None),
            }
        }
    }

    /// Handles one message; an error is the code to close with.
    async fn message(&mut self, text: &str) -> Result<(), CloseCode> {
        if text.len() > MESSAGE_BEFORE_JOIN_BYTES_MAX && !self.link.has_joined() {
            return Err(CloseCode::MessageTooBig);
        }
        let mut incoming = protocol::parse(text);
        let now = Instant::now();
        let verdict = match incoming {
            Incoming::Echo(_) => self.limiter.echo(text.len(), now),
            _ => self.limiter.message(text.len(), now),
        };
        let is_search = matches!(
            &incoming,
            Incoming::Command(Command::Chat(ChatCommand::SearchHistory { .. }))
        );
        match verdict {
            Verdict::Handle if is_search && !self.limiter.search(now) => {
                self.answer(&ControlEvent::RateLimitExceeded);
            }
            Verdict::Handle => {
                self.name_caller(&mut incoming).await;
                self.incoming(incoming);
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
        })) = incoming
        {
            *name = names.name(self.room.id(), name.to_string()).await.into();
        }
    }

    fn incoming(&self, incoming: Incoming<'_>) {
        let error = match incoming {
            Incoming::Echo(payload) => {
                return self.link.push(protocol::encode_echo(payload, self.clock.now()));
            }
            Incoming::Command(command) => match self.command(command) {
                Ok(()) => return,
                Err(error) => error,
            },
            Incoming::NotJson | Incoming::InvalidPayload { namespace: "control" } => {
                ControlError::InvalidJson
            }
            // Other namespaces, unknown ones too, are dropped silently before the join.
            Incoming::InvalidPayload { .. } | Incoming::UnknownNamespace if !self.link.has_joined() => return,
            Incoming::InvalidPayload { namespace } if self.link.has_module(namespace) => {
                ControlError::InvalidJson
            }
            Incoming::InvalidPayload { .. } | Incoming::UnknownNamespace => ControlError::InvalidNamespace,
        };
        self.answer(&ControlEvent::Error(error));
    }

    fn command(&self, command: Command) -> Result<(), ControlError> {
        let namespace = command.namespace();
        if namespace != "control" {
            if !self.link.has_joined() {
                return Ok(());
            }
            if !self.link.has_module(namespace) {
                return Err(ControlError::InvalidNamespace);
            }
        }
        if self.room.has_room_for_input() && self.link.begin_command() {
            self.room.send(RoomMsg::Command {
                session: self.session,
                command,
            });
        } else {
            self.answer(&ControlEvent::RateLimitExceeded);
        }
        Ok(())
    }

    /// An answer of the session itself carries no number.
    fn answer(&self, event: &ControlEvent<'_>) {
        self.link.push(protocol::encode(event, self.clock.now(), None));
    }
}
