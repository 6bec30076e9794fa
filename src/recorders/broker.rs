//! The message broker (AMQP 0-9-1) where recorders wait for work in a queue. One connection is kept in the background; who has something to
//! send waits for it, and for the broker's word that it has the message.

use std::{fmt, time::Duration};

use colloquy_actors::ids::RoomId;
use futures_util::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::secrets::Secret;

/// For a connection, with all that is said before it can be used.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For a message, from when it is to be sent to the broker's word: a meeting waits 5 s for its recorder.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Between attempts to connect: each time twice as long.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(15);

/// For a close in order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A recorder that takes the message later finds nothing to do, so the broker drops it. Milliseconds, as AMQP wants them: as text.
const EXPIRES_MILLIS: &str = "10000";

/// Not stored on the broker's disk: it is worth nothing after its restart.
const TRANSIENT: u8 = 1;

/// The connection to a broker, and the queue.
pub struct Broker {
    url: Secret,
    queue: String,
    /// What is open now.
    channel: watch::Sender<Option<Channel>>,
    /// The broker did not answer: what is open may be dead.
    doubts: Notify,
}

/// Why the broker does not have a message.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("no answer within {} s", PUBLISH_TIMEOUT.as_secs())]
    Timeout,
    #[error("it has no queue of that name: recorders declare it")]
    NoQueue,
    #[error("it refuses the message")]
    Refused,
    #[error(transparent)]
    Broker(#[from] lapin::Error),
    #[error("it can't be written: {0}")]
    Message(#[from] serde_json::Error),
}

/// What a recorder reads.
#[derive(Serialize)]
struct Message {
    room: RoomId,
    /// There are no targets in breakout rooms.
    breakout: Option<()>,
}

impl Broker {
    #[must_use]
    pub fn new(url: Secret, queue: String) -> Self {
        Self {
            url,
            queue,
            channel: watch::Sender::new(None),
            doubts: Notify::new(),
        }
    }

    /// Keeps a connection until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut open = None;
        tokio::select! {
            () = stop.cancelled() => {}
            never = self.keep(&mut open) => match never {},
        }
        self.channel.send_replace(None);
        if let Some(connection) = open {
            close(&connection).await;
        }
    }

    async fn keep(&self, open: &mut Option<Connection>) -> std::convert::Infallible {
        let (mut wait, mut is_told) = (RETRY_MIN, false);
        loop {
            match self.connect().await {
                Ok((connection, channel)) => {
                    tracing::info!(queue = self.queue, "connected to the message broker");
                    (wait, is_told) = (RETRY_MIN, true);
                    let connection = open.insert(connection);
                    self.channel.send_replace(Some(channel.clone()));
                    self.wait_for_end(connection, &channel).await;
                    self.channel.send_replace(None);
                    close(connection).await;
                    *open = None;
                    tracing::warn!("the connection to the message broker is gone");
                }
                // Told once, and again when there was one in between.
                Err(error) if !std::mem::replace(&mut is_told, true) => {
                    tracing::warn!(%error, "the message broker can't be reached: no recorders come by it");
                }
                Err(error) => tracing::debug!(%error, "the message broker can't be reached"),
            }
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn connect(&self) -> Result<(Connection, Channel), BrokerError> {
        let connecting = async {
            let name = ConnectionProperties::default().with_connection_name("colloquy".into());
            let connection = Connection::connect(self.url.reveal(), name).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok((connection, channel))
        };
        let connected = timeout(CONNECT_TIMEOUT, connecting).await;
        connected.unwrap_or(Err(BrokerError::Timeout))
    }

    /// Connects once, for an operator: whether there is the queue.
    pub async fn look(&self) -> Result<bool, BrokerError> {
        let (connection, channel) = self.connect().await?;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel.queue_declare(self.queue.as_str().into(), options, FieldTable::default());
        // A queue that there is not ends the channel.
        let has_queue = matches!(timeout(CONNECT_TIMEOUT, queue).await, Ok(Ok(_)));
        close(&connection).await;
        Ok(has_queue)
    }

    async fn wait_for_end(&self, connection: &Connection, channel: &Channel) {
        let mut events = connection.events_listener();
        while connection.status().connected() && channel.status().connected() {
            tokio::select! {
                event = events.next() => if event.is_none() { return },
                () = self.doubts.notified() => return,
            }
        }
    }

    /// Sends a recorder to a room: the broker has the message when this is done.
    pub async fn publish(&self, room: RoomId) -> Result<(), BrokerError> {
        let published = timeout(PUBLISH_TIMEOUT, self.publish_now(room)).await;
        published.unwrap_or_else(|_| {
            self.doubts.notify_waiters();
            Err(BrokerError::Timeout)
        })
    }

    async fn publish_now(&self, room: RoomId) -> Result<(), BrokerError> {
        let body = serde_json::to_vec(&Message { room, breakout: None })?;
        let channel = self.channel().await;
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(EXPIRES_MILLIS.into());
        // Without a queue it comes back, which is as good as lost.
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let queue = self.queue.as_str().into();
        let confirm = channel
            .basic_publish("".into(), queue, options, &body, properties)
            .await?;
        match confirm.await? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => Err(BrokerError::NoQueue),
            Confirmation::Nack(None) | Confirmation::NotRequested => Err(BrokerError::Refused),
        }
    }

    /// The open channel, as soon as there is one.
    async fn channel(&self) -> Channel {
        let mut changes = self.channel.subscribe();
        loop {
            let open = changes.borrow_and_update().clone();
            if let Some(channel) = open.filter(|channel| channel.status().connected()) {
                return channel;
            }
            if changes.changed().await.is_err() {
                // The sender is ours: it lives as long as this.
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn close(connection: &Connection) {
    // One that is dead does not answer.
    let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "".into())).await;
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL has a password.
        f.debug_struct("Broker")
            .field("queue", &self.queue)
            .field("connected", &self.channel.borrow().is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_room() {
        let message = Message {
            room: RoomId(uuid::Uuid::nil()),
            breakout: None,
        };
        assert_eq!(
            serde_json::to_string(&message).unwrap(),
            r#"{"room":"00000000-0000-0000-0000-000000000000","breakout":null}"#
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_broker_a_message_fails_in_time() {
        let broker = Broker::new(Secret::new("amqp://colloquy:north@127.0.0.1:1"), "q".to_owned());
        assert!(!format!("{broker:?}").contains("north"));
        let stop = CancellationToken::new();
        let published = async {
            let published = broker.publish(RoomId(uuid::Uuid::nil())).await;
            stop.cancel();
            published
        };
        let ((), published) = tokio::join!(broker.run(stop.clone()), published);
        assert!(matches!(published, Err(BrokerError::Timeout)), "{published:?}");
    }
}
