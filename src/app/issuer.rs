//! The identity provider beside the requests: whether it answers, and what a new name of it means for what is stored.

use std::{convert::Infallible, time::Duration};

use chrono::TimeDelta;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::AbortOnDrop;
use crate::{
    clock::Clock,
    disabled_users::DisabledUsers,
    former_issuers,
    http::ApiState,
    identity::{Revocations, Verifier},
    identity_notices::IdentityNotices,
    readiness::Readiness,
    store::{Db, StoreError, void_sessions},
};

/// Time between two looks whether the provider is to be asked.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long a start waits until people of a former issuer are those of the present one. The work then goes on beside the requests;
/// whoever logs in before it is done has two rows for a while.
const TAKE_OVER_WAIT: Duration = Duration::from_secs(30);

/// Time between two tries to take over.
const TAKE_OVER_RETRY: Duration = Duration::from_secs(10);

/// What works beside the requests about identities.
pub(super) struct IssuerWork {
    pub notices: IdentityNotices,
    pub verifier: Verifier,
    /// Taking over what belonged to former issuers, where that takes long.
    pub taking_over: Option<AbortOnDrop>,
}

/// Prepares it: nobody is let in before this is done, except that a provider that does not answer, or a large
/// database, is not waited for.
pub(super) async fn prepare(api: &ApiState) -> Result<IssuerWork, StoreError> {
    let oidc = &api.config.oidc;
    let retention = oidc.ended_logins_kept();
    let taking_over = if oidc.authority.is_none() || oidc.former_issuers.is_empty() {
        None
    } else {
        TakeOver::of(api, retention).begin().await
    };
    let notices = IdentityNotices::load(
        api.db.clone(),
        api.clock.clone(),
        api.verifier.revocations().clone(),
        api.known_users.clone(),
        retention,
    );
    Ok(IssuerWork {
        notices: notices.await?,
        verifier: api.verifier.clone(),
        taking_over,
    })
}

/// Asks the provider from time to time until the stop, also when nobody comes, and tells `/health/ready` about it.
pub(super) async fn watch(
    verifier: Verifier,
    readiness: Readiness,
    taking_over: Option<AbortOnDrop>,
    stop: CancellationToken,
) {
    let watching = async {
        loop {
            verifier.look_at_issuer().await;
            if verifier.reachability().is_away {
                readiness.note("identity_provider", "unreachable");
            } else {
                readiness.forget("identity_provider");
            }
            sleep(INTERVAL).await;
        }
    };
    let _: Option<Infallible> = stop.run_until_cancelled(watching).await;
    drop(taking_over);
}

/// Making the present issuer's what belonged to former ones.
struct TakeOver {
    db: Db,
    clock: Clock,
    former: Vec<String>,
    verifier: Verifier,
    disabled_users: DisabledUsers,
    revocations: Revocations,
    retention: TimeDelta,
}

impl TakeOver {
    fn of(api: &ApiState, retention: TimeDelta) -> Self {
        Self {
            db: api.db.clone(),
            clock: api.clock.clone(),
            former: api.config.oidc.former_issuers.clone(),
            verifier: api.verifier.clone(),
            disabled_users: api.disabled_users.clone(),
            revocations: api.verifier.revocations().clone(),
            retention,
        }
    }

    /// Waits for it for a while, if the provider answers: else nobody comes in anyway. What is left goes on until the task is
    /// dropped.
    async fn begin(self) -> Option<AbortOnDrop> {
        self.verifier.look_at_issuer().await;
        let is_known = self.verifier.reachability().issuer.is_some();
        let mut task = AbortOnDrop(tokio::spawn(self.run()));
        if !is_known {
            return Some(task);
        }
        if timeout(TAKE_OVER_WAIT, &mut task.0).await.is_ok() {
            return None;
        }
        tracing::warn!(
            "what belonged to former issuers is not taken over yet; this goes on beside the requests"
        );
        Some(task)
    }

    async fn run(self) {
        let present = self.present().await;
        loop {
            match former_issuers::take_over(&self.db, &self.clock, &self.former, &present).await {
                Ok(Some(_)) => break,
                // Another server, or one that has just died, is at it.
                Ok(None) => {}
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "what belonged to former issuers can't be taken over for now"
                    );
                }
            }
            sleep(TAKE_OVER_RETRY).await;
        }
        if let Err(error) = self.look_again().await {
            tracing::warn!(%error, "the database does not say what was taken over; the next looks will");
        }
    }

    /// The issuer's name as tokens have it, which only the issuer knows.
    async fn present(&self) -> String {
        loop {
            self.verifier.look_at_issuer().await;
            match self.verifier.reachability().issuer {
                Some(issuer) => return issuer,
                None => sleep(INTERVAL).await,
            }
        }
    }

    /// What this server knew under the former name it knows under the present one.
    async fn look_again(&self) -> Result<(), StoreError> {
        self.disabled_users.look(&self.db).await?;
        let logins = void_sessions::since(&self.db, self.clock.now() - self.retention).await?;
        self.revocations.add(&logins);
        Ok(())
    }
}
