//! A server that is looked after when its test has ended: nothing may be left open, and nothing may have gone wrong
//! that an operator would have to look at.

use std::{marker::PhantomData, ops::Deref};

use super::server::Server;
use crate::databases::Kind;

/// What a server is started with beyond its defaults.
pub trait Settings {
    /// Variables such as `("COLLOQUY_ROOMS__GRACE_SECS", "1")`.
    const ENVIRONMENT: &'static [(&'static str, &'static str)];
}

/// The defaults as they are.
pub struct Defaults;

impl Settings for Defaults {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[];
}

/// A world for `on_both_databases!`; other settings make other worlds.
pub type Quiet = QuietWith<Defaults>;

/// A quiet server with these settings.
pub struct QuietWith<S>(Server, PhantomData<S>);

impl<S: Settings> QuietWith<S> {
    pub async fn start(kind: Kind) -> Self {
        Self(Server::start_with(kind, S::ENVIRONMENT).await, PhantomData)
    }

    /// All connections have ended on the server's side too, it stops in order, and it has logged no warning.
    pub async fn finish(self) {
        self.wait_for_the_last_connection().await;
        let status = self.terminate().await;
        assert!(status.success(), "the server ended with {status}");
        let log = self.log();
        let is_bad = |line: &&str| matches!(line.split_whitespace().nth(1), Some("WARN" | "ERROR"));
        let bad: Vec<_> = log.lines().filter(is_bad).collect();
        assert!(
            bad.is_empty(),
            "the operator has to look at this:\n{}",
            bad.join("\n")
        );
    }
}

impl<S> Deref for QuietWith<S> {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}
