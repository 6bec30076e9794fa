//! The store on both databases.

mod connections;
mod constraints;
mod invites;
mod rooms;
mod transactions;
mod users;

use chrono::{DateTime, Utc};
use colloquy::{
    identity::{ProfileClaims, VerifiedToken},
    store::users::{NewUserDefaults, User, upsert_from_claims},
};

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
}

pub fn defaults() -> NewUserDefaults {
    NewUserDefaults {
        language: "en".to_owned(),
    }
}

/// A time, in seconds after some beginning.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
}

pub fn token(subject: &str) -> VerifiedToken {
    VerifiedToken {
        issuer: "https://issuer.example".to_owned(),
        subject: subject.to_owned(),
        expires_at: at(300),
        roles: Vec::new(),
        profile: ProfileClaims {
            email: Some(format!("{subject}@example.org")),
            name: Some(subject.to_owned()),
            ..ProfileClaims::default()
        },
    }
}
