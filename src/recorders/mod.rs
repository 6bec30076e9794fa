//! How recorders learn that a meeting wants one: handed out over a WebSocket, or by a message broker's queue.

mod broker;
mod hand_out;

use std::sync::Arc;

use colloquy_actors::ids::RoomId;

pub use self::{
    broker::{Broker, BrokerError},
    hand_out::{HandOut, NoPlace, Place, Recorder, RecorderJob, Verdict},
};
use crate::config::RecordingSettings;

/// Everybody who may record.
#[derive(Debug, Clone)]
pub struct Recorders {
    hand_out: Option<HandOut>,
    broker: Option<Arc<Broker>>,
}

impl Recorders {
    /// Says also what keeps the connection to the broker, which runs until it is dropped.
    #[must_use]
    pub fn new(settings: &RecordingSettings) -> Self {
        Self {
            hand_out: settings.hand_out.then(HandOut::default),
            broker: settings
                .amqp_url
                .as_ref()
                .map(|url| Arc::new(Broker::new(url.clone(), settings.amqp_queue.clone()))),
        }
    }

    /// Where recorders are handed their work; none where they are not.
    #[must_use]
    pub fn hand_out(&self) -> Option<&HandOut> {
        self.hand_out.as_ref()
    }

    #[must_use]
    pub fn broker(&self) -> Option<Arc<Broker>> {
        self.broker.clone()
    }

    /// Asks for a recorder for a room, and waits until one has taken that, or the broker has: whoever asks says how long. A recorder that
    /// waits here comes before those at the broker; where that does not take it, the next recorder that comes here does.
    pub async fn ask(&self, room: RoomId) -> bool {
        let (hand_out, broker) = (self.hand_out.as_ref(), self.broker.as_ref());
        if let Some(broker) = broker
            && hand_out.is_none_or(|hand_out| !hand_out.has_anybody())
        {
            match broker.publish(room).await {
                Ok(()) => return true,
                Err(error) => {
                    tracing::warn!(room.id = %room, %error, "the broker does not take a recorder's work");
                }
            }
        }
        match hand_out {
            Some(hand_out) => hand_out.ask(room).await,
            None => false,
        }
    }
}
