//! The mail server that takes everything over.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    transport::smtp::{
        AsyncSmtpTransportBuilder, Error, PoolConfig,
        authentication::Credentials,
        response::{Category, Code},
    },
};
use tokio::time::timeout;

use crate::config::{self, MailTls};

/// Time for a goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Time for one attempt to hand a mail over; lettre itself limits the connecting only.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to reach the mail server.
#[derive(Debug)]
pub(super) struct Relay {
    builder: AsyncSmtpTransportBuilder,
    pub(super) patience: Duration,
}

/// Connections that mails sent at the same time share.
#[derive(Debug)]
pub(super) struct Connections(Transport);

/// Why the mail server has not taken a mail.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SendError {
    /// It will never take this one.
    #[error("refused: {0}")]
    Refused(String),
    /// It may take it later.
    #[error("put off: {0}")]
    PutOff(String),
    /// Nobody answered: nothing is known about this mail.
    #[error("no answer: {0}")]
    Unreachable(String),
}

impl Relay {
    pub(super) fn new(settings: &config::Mail, host: &str) -> Result<Self, Error> {
        let builder = match settings.tls {
            MailTls::Wrapped => Transport::relay(host)?,
            MailTls::Starttls => Transport::starttls_relay(host)?,
            MailTls::None => Transport::builder_dangerous(host),
        };
        let mut builder = builder.port(settings.port).timeout(Some(PATIENCE));
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Self {
            builder,
            patience: PATIENCE,
        })
    }

    /// New connections, at most `max`, made when they are needed.
    pub(super) fn connections(&self, max: u32) -> Connections {
        let pool = PoolConfig::new().min_idle(0).max_size(max);
        Connections(self.builder.clone().pool_config(pool).build())
    }

    /// Hands a mail over; once more by a connection of its own when the first one led to no answer: it may have been
    /// closed while it was idle.
    pub(super) async fn send(&self, shared: &Connections, message: &Message) -> Result<(), SendError> {
        match self.attempt(&shared.0, message.clone()).await {
            Err(SendError::Unreachable(_)) => {
                let own = self.connections(1);
                let sent = self.attempt(&own.0, message.clone()).await;
                if sent.is_ok() {
                    own.close().await;
                }
                sent
            }
            done => done,
        }
    }

    async fn attempt(&self, transport: &Transport, message: Message) -> Result<(), SendError> {
        match timeout(self.patience, transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(SendError::Unreachable("timed out".to_owned())),
        }
    }
}

impl Connections {
    /// Says goodbye; for a server that answers, others need no farewell.
    pub(super) async fn close(self) {
        // It only spares the mail server a line in its log.
        let _ = timeout(FAREWELL, self.0.shutdown()).await;
    }
}

fn judged(error: &Error) -> SendError {
    let text = explained(error);
    if error.is_client() {
        // The mail can't be said in the mail server's language, e.g. an address that is not ASCII.
        return SendError::Refused(text);
    }
    match error.status() {
        Some(code) if error.is_permanent() && !is_about_login(code) => SendError::Refused(text),
        Some(_) => SendError::PutOff(text),
        None => SendError::Unreachable(text),
    }
}

/// 530, 534, 535 and 538 (RFC 4954): wrong settings of ours, which can be mended; the mail can wait for that.
fn is_about_login(code: Code) -> bool {
    code.category == Category::Unspecified3
}

fn explained(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
