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

/// Time for one attempt to hand a mail over; lettre itself limits the connecting only. Many mail servers look through a mail before they
/// say that they have it (RFC 5321, 4.5.3.2.6, would wait ten minutes).
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// Time to connect, and for a first word.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// In lettre's words for a mail that can't be said to this mail server: an address or a text that is not ASCII.
const NOT_IN_ITS_LANGUAGE: &str = "contains non-ascii chars";

/// How to reach the mail server.
#[derive(Debug)]
pub(super) struct Relay {
    builder: AsyncSmtpTransportBuilder,
    pub(super) time_limit: Duration,
}

/// Connections that mails sent at the same time share.
#[derive(Debug)]
pub(super) struct Connections(Transport);

/// Why the mail server has not taken a mail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SendError {
    /// It will never take this one.
    #[error("refused: {0}")]
    Refused(String),
    /// It may take it later. With its code, where it said one.
    #[error("put off: {text}")]
    PutOff { code: Option<u16>, text: String },
    /// Nobody answered: nothing is known about this mail.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The time was over: it may have been taken.
    #[error("no answer in time")]
    TimedOut,
}

impl Relay {
    pub(super) fn new(settings: &config::MailSettings, host: &str) -> Result<Self, Error> {
        let builder = match settings.tls {
            MailTls::Wrapped => Transport::relay(host)?,
            MailTls::Starttls => Transport::starttls_relay(host)?,
            MailTls::None => Transport::builder_dangerous(host),
        };
        let mut builder = builder.port(settings.port).timeout(Some(CONNECT_LIMIT));
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Self {
            builder,
            time_limit: TIME_LIMIT,
        })
    }

    /// New connections, at most `max`, made when they are needed.
    pub(super) fn connections(&self, max: u32) -> Connections {
        let pool = PoolConfig::new().min_idle(0).max_size(max);
        Connections(self.builder.clone().pool_config(pool).build())
    }

    /// Hands a mail over; once more by a connection of its own when the first one was broken: it may have been closed while it was idle.
    /// Not when the time was over: the receiver would have the mail twice.
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
        // A mail server that says nothing at all can't have the mail.
        let word = timeout(self.time_limit.min(CONNECT_LIMIT), transport.test_connection());
        match word.await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err(SendError::Unreachable("it wants no connection".to_owned())),
            Ok(Err(error)) => return Err(judged(&error)),
            Err(_) => return Err(SendError::Unreachable("timed out".to_owned())),
        }
        match timeout(self.time_limit, transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(SendError::TimedOut),
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
        // All else that lettre finds out by itself is about the connection and not about the mail, such as a mail server
        // without STARTTLS or without our ways to log in.
        return if text.contains(NOT_IN_ITS_LANGUAGE) {
            SendError::Refused(text)
        } else {
            SendError::PutOff { code: None, text }
        };
    }
    match error.status() {
        Some(code) if error.is_permanent() && !is_about_login(code) => SendError::Refused(text),
        Some(code) => SendError::PutOff {
            code: Some(code.into()),
            text,
        },
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::secrets::Secret;

    /// A mail server of few words: how it greets, what it can do, and what it says to anybody who logs in.
    #[derive(Clone, Copy)]
    struct Curt {
        greeting: &'static str,
        abilities: &'static str,
        to_login: &'static str,
    }

    const CURT: Curt = Curt {
        greeting: "220 smtp.test",
        abilities: "250 smtp.test",
        to_login: "535 no",
    };

    impl Curt {
        async fn serve(self, stream: TcpStream) {
            let mut stream = BufReader::new(stream);
            let mut answer = self.greeting;
            let mut line = String::new();
            loop {
                let sent = stream.write_all(format!("{answer}\r\n").as_bytes()).await;
                line.clear();
                if sent.is_err() || stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                answer = match line.split_whitespace().next() {
                    Some("EHLO") => self.abilities,
                    Some("AUTH") => self.to_login,
                    Some("QUIT") => return,
                    _ => "250 yes",
                };
            }
        }
    }

    async fn sent(curt: Curt, tls: MailTls, to: &str) -> Result<(), SendError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = config::MailSettings {
            port: listener.local_addr().unwrap().port(),
            tls,
            user: Some("u".to_owned()),
            password: Some(Secret::new("p".to_owned())),
            ..config::MailSettings::default()
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(curt.serve(stream));
            }
        });
        let relay = Relay::new(&settings, "127.0.0.1").unwrap();
        let message = Message::builder()
            .from("a@example.org".parse().unwrap())
            .to(to.parse().unwrap())
            .body(String::new())
            .unwrap();
        relay.send(&relay.connections(1), &message).await
    }

    #[tokio::test]
    async fn a_mail_server_that_takes_no_mail_at_all_puts_mails_off() {
        let busy = Curt {
            greeting: "421 busy",
            ..CURT
        };
        let login = Curt {
            abilities: "250 AUTH PLAIN LOGIN",
            ..CURT
        };
        for (curt, tls, expected, word) in [
            (CURT, MailTls::Starttls, None, "STARTTLS"),
            (CURT, MailTls::None, None, "mechanism"),
            (busy, MailTls::None, Some(421), "busy"),
            (login, MailTls::None, Some(535), "no"),
        ] {
            let sent = sent(curt, tls, "b@example.org").await;
            let Err(SendError::PutOff { code, text }) = sent else {
                panic!("{word}: {sent:?}");
            };
            assert_eq!(code, expected, "{text}");
            assert!(text.contains(word), "{text}");
        }
    }

    #[tokio::test]
    async fn a_mail_that_can_not_be_said_is_refused() {
        let open = Curt {
            abilities: "250 AUTH PLAIN LOGIN",
            to_login: "235 welcome",
            ..CURT
        };
        let sent = sent(open, MailTls::None, "bär@example.org").await;
        assert!(matches!(sent, Err(SendError::Refused(_))), "{sent:?}");
    }
}
