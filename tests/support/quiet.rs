//! A server that is looked after when its test has ended: nothing may be left open, and nothing may have gone wrong
//! that an operator would have to look at.

use std::{marker::PhantomData, ops::Deref};

use super::{livekit::FakeLivekit, server::Server};
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

/// A quiet server with these settings, and its LiveKit: one that does not answer would be worth a warning.
pub struct QuietWith<S> {
    server: Server,
    pub livekit: FakeLivekit,
    settings: PhantomData<S>,
}

impl<S: Settings> QuietWith<S> {
    pub async fn start(kind: Kind) -> Self {
        let livekit = FakeLivekit::start().await;
        let known = livekit.environment();
        let mut environment: Vec<_> = known.iter().map(|(name, value)| (*name, &**value)).collect();
        environment.extend(S::ENVIRONMENT);
        Self {
            server: Server::start_with(kind, &environment).await,
            livekit,
            settings: PhantomData,
        }
    }

    /// All connections have ended on the server's side too, it stops in order, and it has logged no warning.
    pub async fn finish(self) {
        self.wait_for_the_last_connection().await;
        let status = self.terminate().await;
        assert!(status.success(), "the server ended with {status}");
        let bad = self.warnings();
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
        &self.server
    }
}
