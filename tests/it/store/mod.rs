//! The store on both databases.

mod connections;
mod constraints;
mod disabled_users;
mod events;
mod former_issuers;
mod invites;
mod mail_receivers;
mod merge;
mod migrations;
mod phones;
mod rooms;
mod transactions;
mod usage;
mod users;
mod void_sessions;
mod vote_minutes;

use chrono::{DateTime, Utc};
use colloquy::{
    identity::{ProfileClaims, VerifiedToken},
    secrets::Secret,
    store::{
        self, StoreError,
        events::{Event, InviteRole, InviteStatus, NewEvent},
        guest_access::GuestAccess,
        rooms::NewRoom,
        users::{NewUserDefaults, User, upsert_from_claims},
    },
};
use colloquy_calendar::recurrence::Recurrence;
use uuid::Uuid;

use crate::databases::{Kind, TestDatabase};

/// A database with tables and the means to fill them.
pub struct Store {
    pub database: TestDatabase,
}

impl std::ops::Deref for Store {
    type Target = TestDatabase;

    fn deref(&self) -> &TestDatabase {
        &self.database
    }
}

impl Store {
    pub async fn start(kind: Kind) -> Self {
        Self {
            database: TestDatabase::start(kind).await,
        }
    }

    pub async fn finish(self) {
        self.database.finish().await;
    }

    /// A user whose token says nothing but the subject and a name.
    pub async fn user(&self, subject: &str) -> User {
        self.log_in(&token(subject)).await
    }

    pub async fn log_in(&self, token: &VerifiedToken) -> User {
        upsert_from_claims(&self.db, token, &defaults(), at(0))
            .await
            .expect("a user")
    }

    /// A time-independent event in a room with the password `geheim` and a telephone, changed by `change`.
    pub async fn event(&self, owner: &User, change: impl FnOnce(&mut NewEvent)) -> Event {
        let mut new = NewEvent {
            id: Uuid::new_v4(),
            tenant_id: owner.tenant_id,
            room_id: Uuid::new_v4(),
            created_by: owner.profile.id,
            created_at: at(0),
            title: "Event".to_owned(),
            description: String::new(),
            is_adhoc: false,
            times: None,
            recurrence: Recurrence::default(),
            series_ends_at: None,
            show_meeting_details: false,
            training_report: None,
        };
        change(&mut new);
        let room = NewRoom {
            id: new.room_id,
            tenant_id: new.tenant_id,
            created_by: new.created_by,
            created_at: new.created_at,
            password: Some(Secret::new("geheim")),
            waiting_room: false,
            guest_access: GuestAccess::default(),
            e2e_encryption: false,
            sip: true,
        };
        let id = new.room_id;
        let created = self.db.transaction(move |tx| {
            Box::pin(async move {
                store::rooms::insert(tx, &room).await?;
                store::events::insert(tx, &new).await
            })
        });
        created.await.expect("an event");
        store::events::of_room(&self.db, id)
            .await
            .expect("a query")
            .expect("an event")
    }

    /// Invites `user` as if the event's owner had done it.
    pub async fn invite(&self, event: &Event, user: &User, role: InviteRole, status: InviteStatus) {
        let sql = format!(
            "INSERT INTO event_invites (id, event_id, user_id, role, status, created_by, created_at, updated_at)
             VALUES ({}, {}, {}, '{}', '{}', {}, '2027-01-15T08:00:00+00:00', '2027-01-15T08:00:00+00:00')",
            self.literal(Uuid::new_v4()),
            self.literal(event.id),
            self.literal(user.profile.id),
            role.as_str(),
            status.as_str(),
            self.literal(event.created_by.id),
        );
        self.execute(&sql).await;
    }

    /// Deletes a room that nothing needs; the ids of its assets.
    pub async fn remove_room(&self, room: Uuid) -> Result<Option<Vec<Uuid>>, StoreError> {
        let removed = self
            .db
            .transaction(move |tx| Box::pin(async move { store::rooms::remove(tx, room).await }));
        removed.await
    }

    pub async fn favorite(&self, event: &Event, user: &User) {
        let (user, event) = (self.literal(user.profile.id), self.literal(event.id));
        let sql = format!("INSERT INTO event_favorites (user_id, event_id) VALUES ({user}, {event})");
        self.execute(&sql).await;
    }
}

pub fn defaults() -> NewUserDefaults {
    NewUserDefaults::default()
}

/// A time, in seconds after some beginning.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
}

pub fn token(subject: &str) -> VerifiedToken {
    VerifiedToken {
        issuer: "https://issuer.example".to_owned(),
        subject: subject.to_owned(),
        client: "Frontend".to_owned(),
        session: None,
        issued_at: 0,
        expires_at: at(300),
        roles: Vec::new(),
        profile: ProfileClaims {
            email: Some(format!("{subject}@example.org")),
            name: Some(subject.to_owned()),
            ..ProfileClaims::default()
        },
    }
}
