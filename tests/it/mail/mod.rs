//! Mail, from the outbox to a mail server of another make.

mod entries;
mod failures;
mod letters;
mod limits;
mod off;
mod planning;
mod series;
mod server;
mod unsubscribe;
mod untold;

use std::{
    ops::Deref,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use colloquy::{
    clock::Clock,
    config::{self, Config, MailTls},
    mail::{CallIn, Kind, Mail, Meeting, Outbox, Worker},
    secrets::Secret,
    store::{
        StoreError,
        event_invites::Receiver,
        outbox::{self, Queued},
    },
};
use colloquy_calendar::{
    ics::{Entry, Moment, Participation, Person, Span},
    recurrence::Recurrence,
};
use uuid::Uuid;

use crate::{
    databases::Kind as Database,
    store::Store,
    support::smtp::{ReceivedMail, SmtpServer},
};

/// A database, a mail server, a worker between them, and a clock that only the test turns.
pub struct Post {
    pub store: Store,
    pub smtp: SmtpServer,
    pub outbox: Outbox,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl Post {
    pub async fn start(kind: Database) -> Self {
        Self {
            store: Store::start(kind).await,
            smtp: SmtpServer::start().await,
            outbox: Outbox::new(true),
            now: Arc::new(Mutex::new(time("2026-03-01T12:00:00Z"))),
        }
    }

    pub async fn finish(self) {
        self.store.finish().await;
    }

    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().expect("the time")
    }

    pub fn pass(&self, time: Duration) {
        *self.now.lock().expect("the time") += TimeDelta::from_std(time).expect("a short time");
    }

    /// A worker, as each server has one.
    pub fn worker(&self) -> Worker {
        self.worker_with(|config| config.http.public_url = "https://api.meet.example".parse().ok())
    }

    pub fn worker_with(&self, configure: impl FnOnce(&mut Config)) -> Worker {
        let now = Arc::clone(&self.now);
        let clock = Clock::from_fn(move || *now.lock().expect("the time"));
        let mut config = Config {
            mail: settings(self.smtp.port),
            ..Config::default()
        };
        configure(&mut config);
        let worker = Worker::new(&config, self.store.db.clone(), self.outbox.clone(), clock);
        worker.expect("settings").expect("a mail server")
    }

    pub async fn enqueue(&self, mails: &[Mail]) {
        let (mails, now) = (due(mails, self.now()), self.now());
        let done: Result<(), StoreError> = self
            .store
            .db
            .transaction(move |tx| Box::pin(async move { outbox::insert(tx, &mails, None, now).await }))
            .await;
        done.expect("a transaction");
    }

    /// Invites an address to some event, with this code.
    async fn invite_address(&self, email: &str, code: Uuid) {
        let owner = self.store.user("owner").await;
        let event = self.store.event(&owner, |_| {}).await;
        let literal = |id| self.store.literal(id);
        let at = "'2026-01-01T00:00:00+00:00'";
        let sql = format!(
            "INSERT INTO event_invites
             (id, event_id, email, invite_code, role, status, created_by, created_at, updated_at)
             VALUES ({}, {}, '{email}', {}, 'guest', 'pending', {}, {at}, {at})",
            literal(Uuid::new_v4()),
            literal(event.id),
            literal(code),
            literal(owner.profile.id),
        );
        self.store.execute(&sql).await;
    }

    /// Rows of the outbox for which `condition` holds.
    pub async fn count(&self, condition: &str) -> i64 {
        self.store
            .number(&format!("SELECT count(*) FROM outbox WHERE {condition}"))
            .await
    }
}

impl Deref for Post {
    type Target = SmtpServer;

    fn deref(&self) -> &SmtpServer {
        &self.smtp
    }
}

/// Mails that may go at once.
pub fn due(mails: &[Mail], now: DateTime<Utc>) -> Vec<Queued<Mail>> {
    let due = |mail: &Mail| Queued {
        mail: mail.clone(),
        slot_at: now,
    };
    mails.iter().map(due).collect()
}

pub fn settings(port: u16) -> config::MailSettings {
    config::MailSettings {
        host: Some("127.0.0.1".to_owned()),
        port,
        tls: MailTls::None,
        from_address: Some("meetings@colloquy.example".to_owned()),
        from_name: "Meetings, Inc.".to_owned(),
        web_client_url: "https://meet.example".parse().ok(),
        ..config::MailSettings::default()
    }
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

pub fn span(start: &str, end: &str) -> Span {
    let moment = |text| Moment {
        at: time(text),
        timezone: "Europe/Berlin".to_owned(),
    };
    Span {
        is_all_day: false,
        starts_at: moment(start),
        ends_at: moment(end),
        skipped_start: None,
    }
}

/// An invitation of Ada to a single event on 6 July 2026, 10:00 in Berlin, for Bob who reads English.
pub fn invitation() -> Mail {
    Mail {
        kind: Kind::Invite,
        receiver: registered("en"),
        event: Arc::new(Entry {
            id: Uuid::from_u128(1),
            revision: 2,
            created_at: time("2026-02-01T00:00:00Z"),
            updated_at: time("2026-02-02T00:00:00Z"),
            title: "Planning".to_owned(),
            description: "Bring ideas.\nAnd cake.".to_owned(),
            details: String::new(),
            span: Some(span("2026-07-06T08:00:00Z", "2026-07-06T09:00:00Z")),
            recurrence: Recurrence::default(),
            exceptions: Vec::new(),
            is_cancelled: false,
            organizer: Some(Person {
                name: "Ada Adams".to_owned(),
                email: "ada@example.org".to_owned(),
            }),
            attendees: Vec::new(),
            url: None,
        }),
        answer: Participation::Pending,
        whole: None,
        invite: None,
        instance: None,
        has_lost_times: false,
        meeting: Meeting {
            room: Uuid::from_u128(2),
            password: Some(Secret::new("cake<3")),
            call_in: Some(CallIn {
                number: "+49 30 1234567".to_owned(),
                id: "0123456789".to_owned(),
                password: Secret::new("9876543210"),
            }),
        },
    }
}

/// The same as a series: every Monday.
pub fn weekly() -> Mail {
    let mut mail = invitation();
    Arc::make_mut(&mut mail.event).recurrence =
        Recurrence::parse(&["RRULE:FREQ=WEEKLY;BYDAY=MO"]).expect("a pattern");
    mail
}

pub fn registered(language: &str) -> Receiver {
    Receiver::Registered {
        id: Uuid::from_u128(3),
        email: "bob@example.org".to_owned(),
        name: "Bob Burton".to_owned(),
        language: language.to_owned(),
    }
}

/// A mail to this address.
pub fn invitation_to(email: &str) -> Mail {
    Mail {
        receiver: Receiver::External {
            email: email.to_owned(),
            invite_code: None,
        },
        ..invitation()
    }
}

/// The mail as it arrives.
async fn sent(post: &Post, mail: Mail) -> ReceivedMail {
    post.enqueue(&[mail]).await;
    let (round, received) = tokio::join!(async { post.worker().round().await }, post.mail());
    assert_eq!(round.expect("a database").sent, 1);
    received
}
