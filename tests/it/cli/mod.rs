//! Commands that operators type, run as the real binary.

mod import;
mod require_oidc;
mod tariffs;
mod tenants;
mod users;

use std::process::Output;

use colloquy::{
    identity::{ProfileClaims, VerifiedToken},
    store::{
        Db,
        users::{NewUserDefaults, User, upsert_from_claims},
    },
};

use crate::{
    databases::{Kind, TestDatabase},
    support::binary,
};

/// A database with tables, and a shell beside it.
pub struct Shell(TestDatabase);

impl Shell {
    pub async fn start(kind: Kind) -> Self {
        Self(TestDatabase::start(kind).await)
    }

    pub async fn finish(self) {
        self.0.finish().await;
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = binary::colloquy();
        if let Some(url) = &self.0.settings.url {
            command.env("COLLOQUY_DATABASE__URL", url);
        }
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.0.folder.path())
            .current_dir(self.0.folder.path())
            .output()
            .expect("a process")
    }

    /// What a command that succeeds prints.
    #[track_caller]
    pub fn prints(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What a command that fails says why; nothing of it goes to stdout.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) -> String {
        let told = self.refuses(arguments);
        told.lines().last().unwrap_or_default().to_owned()
    }

    /// Everything that a command that fails tells on stderr.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    /// The exit code of a command.
    pub fn status(&self, arguments: &[&str]) -> Option<i32> {
        self.run(arguments).status.code()
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The user of a token with these ids of tenant and tariff.
    pub async fn log_in(&self, subject: &str, tenant: Option<&str>, tariff: Option<&str>) -> User {
        let claims = ProfileClaims {
            tenant_id: tenant.map(str::to_owned),
            tariff_id: tariff.map(str::to_owned),
            ..ProfileClaims::default()
        };
        self.log_in_as(subject, claims).await
    }

    /// The user of a token with these claims.
    pub async fn log_in_as(&self, subject: &str, profile: ProfileClaims) -> User {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        let token = VerifiedToken {
            issuer: "https://issuer.example".to_owned(),
            subject: subject.to_owned(),
            client: "Frontend".to_owned(),
            session: None,
            issued_at: 0,
            expires_at: now,
            roles: Vec::new(),
            profile,
        };
        let defaults = NewUserDefaults::default();
        upsert_from_claims(&self.0.db, &token, &defaults, now)
            .await
            .expect("a user")
    }
}
