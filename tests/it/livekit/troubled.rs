//! A server that has one thing to complain about in its log.

use std::{marker::PhantomData, ops::Deref};

use axum::{http::StatusCode, response::IntoResponse as _};

use crate::{
    databases::Kind,
    support::{
        livekit::{FakeLivekit, Mood},
        server::Server,
    },
};

/// What LiveKit is like before the server starts.
pub trait Trouble {
    /// Whether the operator must hear of it.
    const IS_SURE: bool = true;

    async fn begin(livekit: &FakeLivekit);
}

/// It is there, and the test makes the trouble.
pub struct Later;

impl Trouble for Later {
    async fn begin(_: &FakeLivekit) {}
}

/// It is there, and the test may make some trouble or none.
pub struct Perhaps;

impl Trouble for Perhaps {
    const IS_SURE: bool = false;

    async fn begin(_: &FakeLivekit) {}
}

/// Nobody is at its address.
pub struct Dead;

impl Trouble for Dead {
    async fn begin(livekit: &FakeLivekit) {
        livekit.die().await;
    }
}

/// Somebody else is at its address.
pub struct Page;

impl Trouble for Page {
    async fn begin(livekit: &FakeLivekit) {
        livekit.be(Mood::Lying(|| "<html>Welcome!</html>".into_response()));
    }
}

/// The server's secret is not LiveKit's.
pub struct Locked;

impl Trouble for Locked {
    async fn begin(livekit: &FakeLivekit) {
        livekit.be(Mood::Lying(|| StatusCode::UNAUTHORIZED.into_response()));
    }
}

/// A server beside a LiveKit that is or will be in trouble.
pub struct TroubledBy<T> {
    server: Server,
    pub livekit: FakeLivekit,
    trouble: PhantomData<T>,
}

pub type Troubled = TroubledBy<Later>;

impl<T: Trouble> TroubledBy<T> {
    pub async fn start(kind: Kind) -> Self {
        let livekit = FakeLivekit::start().await;
        T::begin(&livekit).await;
        let known = livekit.environment();
        let environment: Vec<_> = known.iter().map(|(name, value)| (*name, &**value)).collect();
        Self {
            server: Server::start_with(kind, &environment).await,
            livekit,
            trouble: PhantomData,
        }
    }

    /// However many calls failed, and however often something happened, the operator is told once. It stops in order, whatever is
    /// under way.
    pub async fn finish(self) {
        self.server.wait_for_the_last_connection().await;
        let warnings = self.server.warnings();
        let is_told_once = warnings.len() == 1 && warnings[0].contains("LiveKit");
        assert!(
            is_told_once || (!T::IS_SURE && warnings.is_empty()),
            "{warnings:#?}"
        );
        self.server.finish().await;
    }
}

impl<T> Deref for TroubledBy<T> {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
