//! Sends what waits in the outbox, each mail once as far as anybody can know.
//!
//! A mail is taken by moving the time at which it is due: no other server takes it before. Whoever dies between the mail
//! server's word and the commit leaves it to be sent once more, with the same Message-ID.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use lettre::{Address, message::Mailbox};
use tokio::{sync::OnceCell, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Mail, Outbox, Receiver, Tokens,
    letter::Writer,
    message,
    relay::{Connections, Relay, SendError},
};
use crate::{
    clock::Clock,
    config::Config,
    store::{
        Db, StoreError, invites, mail_refusals,
        outbox::{self, RetryOutcome, Taken},
    },
    tariffs::Offer,
};

/// Mails that are sent at the same time.
const SENT_AT_ONCE: u32 = 8;

/// Time until the next attempt behind one that took too long: it may have brought the mail, so that its receiver gets a handful at most
/// before it is given up.
const TIMED_OUT_WAIT: Duration = Duration::from_hours(6);

/// How often it is tried to write down what became of a mail, with a second between: forgotten, a mail that was sent would be sent again.
const NOTES_MAX: u32 = 10;

/// For how long a taken mail is kept from others: an attempt whose connection was broken, another, and some time for the database.
const LEASE: Duration = Duration::from_mins(5);

/// Time between two looks at the outbox when nobody wakes the worker.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The longest time between two attempts, in seconds.
const RETRY_SECS_MAX: u64 = 3600;

/// Part of the time between two attempts that is left to chance: not everything comes again at once.
const JITTER: f64 = 0.2;

/// Time for mails that are being sent when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What stands in the outbox: a mail, if this version of the server can read it.
type Parsed = Result<Mail, serde_json::Error>;

/// Sends mails.
#[derive(Debug)]
pub struct Worker {
    db: Db,
    outbox: Outbox,
    clock: Clock,
    relay: Relay,
    writer: Writer,
    offer: Offer,
    /// Read when the first mail is sent.
    tokens: OnceCell<Tokens>,
    sender: Mailbox,
    retry_secs: u64,
    give_up: Duration,
}

/// What became of the mails that were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    pub sent: usize,
    /// Refused for good, or too old.
    pub given_up: usize,
    /// Tried again later.
    pub put_off: usize,
    /// Not sent, as their receivers want no mail.
    pub unwanted: usize,
    /// Whether the mail server did not answer at all.
    pub is_unreachable: bool,
    /// Whether the mail server took none and put some off, also for good where they are too old by now.
    pub is_putting_off: bool,
    /// The code with which it last put one off, if it said one.
    pub code: Option<u16>,
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("mail.host: {0}")]
    Relay(#[from] lettre::transport::smtp::Error),
    #[error("mail.from_address: {0}")]
    Sender(#[from] lettre::address::AddressError),
}

impl Worker {
    /// The worker of a configuration that was validated; `None` without a mail server.
    pub fn new(config: &Config, db: Db, outbox: Outbox, clock: Clock) -> Result<Option<Self>, MailError> {
        let settings = &config.mail;
        let (Some(host), Some(from), Some(web_client)) =
            (&settings.host, &settings.from_address, &settings.web_client_url)
        else {
            return Ok(None);
        };
        let address: Address = from.parse()?;
        Ok(Some(Self {
            db,
            outbox,
            clock,
            relay: Relay::new(settings, host)?,
            writer: Writer::new(web_client.clone(), config),
            offer: Offer::from_config(config),
            tokens: OnceCell::new(),
            sender: message::mailbox(&settings.from_name, address),
            retry_secs: settings.retry_secs,
            give_up: Duration::from_secs(settings.give_up_secs),
        }))
    }

    /// The same with another time limit for one attempt than 90 s.
    #[must_use]
    pub fn with_timeouts(mut self, time_limit: Duration) -> Self {
        self.relay.time_limit = time_limit;
        self
    }

    /// Works until `stop`; mails that are being sent then have three seconds.
    pub async fn run(self, stop: CancellationToken) {
        let mut trouble = Trouble::default();
        loop {
            let round = tokio::select! {
                round = self.round() => round,
                () = ended(&stop) => return,
            };
            let pause = match &round {
                Ok(round) if round.is_done() => Duration::ZERO,
                Ok(round) if !round.is_unreachable => self.until_next().await,
                _ => LOOK_INTERVAL,
            };
            trouble.look_at(&round);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.outbox.woken() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Takes some mails that are due and sends them.
    pub async fn round(&self) -> Result<Round, StoreError> {
        let tokens = self.tokens.get_or_try_init(|| Tokens::of(&self.db)).await?;
        let taken = outbox::take(&self.db, SENT_AT_ONCE, self.clock.now(), LEASE).await?;
        let (wanted, unwanted) = self.parted(taken).await?;
        let mut round = Round {
            unwanted,
            ..Round::default()
        };
        if wanted.is_empty() {
            return Ok(round);
        }
        let connections = self.relay.connections(SENT_AT_ONCE);
        let deliver = |(taken, mail)| self.deliver(taken, mail, tokens, &connections);
        let results = join_all(wanted.iter().map(|(taken, mail)| deliver((taken, mail)))).await;
        round.is_unreachable = results
            .iter()
            .all(|result| matches!(result, Err(SendError::Unreachable(_) | SendError::TimedOut)));
        for result in &results {
            if let Err(SendError::PutOff { code, .. }) = result {
                round.is_putting_off = results.iter().all(Result::is_err);
                round.code = *code;
            }
        }
        let mut failure = None;
        for ((taken, _), result) in wanted.iter().zip(results) {
            match self.note_surely(taken, result).await {
                Ok(None) => round.sent += 1,
                Ok(Some(RetryOutcome::GivenUp(_))) => round.given_up += 1,
                Ok(Some(RetryOutcome::Again(_))) => round.put_off += 1,
                // What became of the others is written down all the same.
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        if !round.is_unreachable {
            connections.close().await;
        }
        Ok(round)
    }

    /// The mails that are to be sent, and how many others were given up because their receivers want none by now.
    async fn parted(&self, taken: Vec<Taken>) -> Result<(Vec<(Taken, Parsed)>, usize), StoreError> {
        let parsed = taken.into_iter().map(|taken| {
            let mail = serde_json::from_value(taken.mail.clone()).map(Mail::in_lines);
            (taken, mail)
        });
        let parsed: Vec<(Taken, Parsed)> = parsed.collect();
        let receiver = |mail: &Parsed| mail.as_ref().ok().map(|mail| mail.receiver.address_hash());
        let receivers: Vec<_> = parsed.iter().filter_map(|(_, mail)| receiver(mail)).collect();
        let refused = mail_refusals::among(&self.db, &receivers).await?;
        let is_unwanted = |mail: &Parsed| receiver(mail).is_some_and(|receiver| refused.contains(&receiver));
        let (unwanted, mut wanted): (Vec<_>, Vec<_>) =
            parsed.into_iter().partition(|(_, mail)| is_unwanted(mail));
        self.forget_codes(&mut wanted).await?;
        for (taken, _) in &unwanted {
            let outcome = RetryOutcome::GivenUp(self.clock.now());
            outbox::failed(&self.db, taken, outcome, "the receiver wants no mail").await?;
            tracing::debug!(mail.id = %taken.id, "a mail is not wanted");
        }
        Ok((wanted, unwanted.len()))
    }

    /// Takes out of mails the codes that open nothing (any more), be it for a while: who has logged in since, or has an account,
    /// comes in by the room's link. Telephone access stays only where the code leads straight in: a call does not wait.
    async fn forget_codes(&self, mails: &mut [(Taken, Parsed)]) -> Result<(), StoreError> {
        let read = mails.iter().filter_map(|(_, mail)| mail.as_ref().ok());
        let codes: Vec<_> = read.filter_map(|mail| mail.receiver.invite_code()).collect();
        let kept = invites::kept(&self.db, &codes).await?;
        let kept = kept.into_iter();
        let opening = kept.filter(|one| !self.offer.are_guests_out(one.guest_access, &one.tariff));
        let leads_straight_in: HashMap<_, _> = opening
            .map(|one| (one.code, one.guest_access.leads_straight_in(one.waiting_room)))
            .collect();
        for mail in mails.iter_mut().filter_map(|(_, mail)| mail.as_mut().ok()) {
            let Receiver::External { invite_code, .. } = &mut mail.receiver else {
                continue;
            };
            let Some(code) = *invite_code else { continue };
            *invite_code = Some(code).filter(|code| leads_straight_in.contains_key(code));
            if leads_straight_in.get(&code) != Some(&true) {
                mail.meeting.call_in = None;
            }
        }
        Ok(())
    }

    async fn deliver(
        &self,
        taken: &Taken,
        mail: &Parsed,
        tokens: &Tokens,
        connections: &Connections,
    ) -> Result<(), SendError> {
        let refused = |error: &dyn std::error::Error| SendError::Refused(error.to_string());
        let mail = mail.as_ref().map_err(|error| refused(error))?;
        let event = mail.event.clone();
        // A series may take long to compute, and others wait for this thread.
        let timetable = tokio::task::spawn_blocking(move || event.timetable()).await;
        let timetable = timetable.map_err(|error| SendError::PutOff {
            code: None,
            text: error.to_string(),
        })?;
        let letter = self
            .writer
            .write(mail, timetable.as_ref(), taken.created_at, tokens);
        let letter = letter.map_err(|error| refused(&error))?;
        let message = message::pack(&self.sender, mail, letter, taken.id, taken.created_at);
        let message = message.map_err(|error| refused(&error))?;
        self.relay.send(connections, &message).await
    }

    /// [`Worker::note`], again and again for a while where the database does not take it.
    async fn note_surely(
        &self,
        taken: &Taken,
        result: Result<(), SendError>,
    ) -> Result<Option<RetryOutcome>, StoreError> {
        for _ in 1..NOTES_MAX {
            let error = match self.note(taken, result.clone()).await {
                Err(error) => error,
                noted => return noted,
            };
            tracing::debug!(%error, mail.id = %taken.id, "what became of a mail is written down once more");
            sleep(Duration::from_secs(1)).await;
        }
        self.note(taken, result).await
    }

    /// Writes down what became of a mail; `None`: it was sent.
    async fn note(
        &self,
        taken: &Taken,
        result: Result<(), SendError>,
    ) -> Result<Option<RetryOutcome>, StoreError> {
        let now = self.clock.now();
        let Err(error) = result else {
            outbox::sent(&self.db, taken.id, now).await?;
            tracing::debug!(mail.id = %taken.id, attempts = taken.attempts, "sent a mail");
            return Ok(None);
        };
        let last = taken.slot_at + self.give_up;
        let outcome = if matches!(error, SendError::Refused(_)) || now >= last {
            // The mail server's words may name people: they stand in the outbox only.
            tracing::warn!(mail.id = %taken.id, attempts = taken.attempts, "gave up a mail; see last_error in the outbox");
            RetryOutcome::GivenUp(now)
        } else {
            let regular = delay(
                self.retry_secs,
                taken.attempts,
                rand::random_range(-JITTER..=JITTER),
            );
            let may_be_taken = matches!(error, SendError::TimedOut);
            let wait = if may_be_taken {
                regular.max(TIMED_OUT_WAIT)
            } else {
                regular
            };
            RetryOutcome::Again(last.min(now + wait))
        };
        outbox::failed(&self.db, taken, outcome, &error.to_string()).await?;
        Ok(Some(outcome))
    }

    /// Time until the next mail is due, five seconds at most.
    async fn until_next(&self) -> Duration {
        let next: Option<DateTime<Utc>> = outbox::next_due(&self.db).await.ok().flatten();
        let wait = next.map(|next| (next - self.clock.now()).to_std().unwrap_or_default());
        wait.map_or(LOOK_INTERVAL, |wait| wait.min(LOOK_INTERVAL))
    }
}

impl Round {
    /// Whether something was done, so that more may wait.
    fn is_done(self) -> bool {
        self.sent + self.given_up + self.unwanted > 0
    }
}

/// Time until the attempt after `attempts`: doubled each time, and `chance` of it more or less.
fn delay(retry_secs: u64, attempts: u32, chance: f64) -> Duration {
    let doubled = retry_secs.saturating_mul(1 << attempts.saturating_sub(1).min(30));
    let regular = Duration::from_secs(doubled.min(RETRY_SECS_MAX.max(retry_secs)));
    regular.mul_f64(1.0 + chance)
}

async fn ended(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(STOP_GRACE).await;
}

/// What went wrong the last time, so that each trouble is told once.
#[derive(Debug, Default)]
struct Trouble {
    mail_server: Option<MailServer>,
    database: bool,
}

/// What is wrong with the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MailServer {
    Silent,
    PuttingOff,
}

/// A change that the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Begun(MailServer),
    Ended,
}

impl Trouble {
    fn look_at(&mut self, round: &Result<Round, StoreError>) {
        match round {
            Ok(round) => {
                self.database = false;
                self.tell(*round);
            }
            Err(error) => {
                let error: &dyn std::error::Error = error;
                if !self.database {
                    tracing::warn!(error, "the outbox of mails can't be read");
                }
                self.database = true;
            }
        }
    }

    fn tell(&mut self, round: Round) {
        match self.news(round) {
            Some(News::Begun(MailServer::Silent)) => {
                tracing::warn!("the mail server does not answer; mails wait");
            }
            // Its words may name people: they stand in the outbox only.
            Some(News::Begun(MailServer::PuttingOff)) => tracing::warn!(
                code = round.code,
                "the mail server puts mails off or refuses the log-in; mails wait; see last_error in the outbox"
            ),
            Some(News::Ended) => tracing::info!("the mail server takes mails again"),
            None => {}
        }
    }

    fn news(&mut self, round: Round) -> Option<News> {
        let before = self.mail_server;
        let now = match round {
            Round {
                is_unreachable: true, ..
            } => Some(MailServer::Silent),
            Round {
                is_putting_off: true, ..
            } => Some(MailServer::PuttingOff),
            // It answered about a mail.
            _ if round.sent + round.given_up > 0 => None,
            _ => before,
        };
        self.mail_server = now;
        if now == before {
            return None;
        }
        Some(now.map_or(News::Ended, News::Begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_of_the_mail_server_is_told_when_it_begins_and_when_it_ends() {
        let nothing = Round::default();
        let unwanted = Round {
            unwanted: 1,
            ..nothing
        };
        let sent = Round { sent: 1, ..nothing };
        let mixed = Round {
            sent: 1,
            put_off: 1,
            code: Some(450),
            ..nothing
        };
        let silent = Round {
            put_off: 1,
            is_unreachable: true,
            ..nothing
        };
        let putting_off = Round {
            put_off: 1,
            is_putting_off: true,
            code: Some(535),
            ..nothing
        };
        let too_old = Round {
            given_up: 1,
            is_putting_off: true,
            code: Some(535),
            ..nothing
        };
        let mut trouble = Trouble::default();
        for (round, expected) in [
            (sent, None),
            (mixed, None),
            (putting_off, Some(News::Begun(MailServer::PuttingOff))),
            (putting_off, None),
            (nothing, None),
            (unwanted, None),
            (too_old, None),
            (mixed, Some(News::Ended)),
            (silent, Some(News::Begun(MailServer::Silent))),
            (silent, None),
            (putting_off, Some(News::Begun(MailServer::PuttingOff))),
            (sent, Some(News::Ended)),
            (sent, None),
        ] {
            assert_eq!(trouble.news(round), expected, "{round:?}");
        }
    }

    #[test]
    fn delays_grow_up_to_an_hour() {
        let secs = |attempts| delay(30, attempts, 0.0).as_secs();
        assert_eq!(
            [1, 2, 3, 7, 8, 40, u32::MAX].map(secs),
            [30, 60, 120, 1920, 3600, 3600, 3600]
        );
        assert_eq!(delay(30, 1, JITTER), Duration::from_secs(36));
        assert_eq!(delay(30, 1, -JITTER), Duration::from_secs(24));
        // Whoever wants longer ones from the start gets them.
        assert_eq!(delay(7200, 3, 0.0), Duration::from_hours(2));
    }
}
