//! Who was here already, so that each request need not ask the database whose token it brings.

use std::{collections::HashSet, sync::Arc};

use dashmap::DashMap;
use uuid::Uuid;

use crate::verified_token::VerifiedToken;

/// Ids of users by issuer and subject. An id never changes while its row is there. Who was deleted and comes again is
/// learned anew, and no room knows the old id; rows that go into others' are forgotten ([`KnownUsers::forget`]). Whether a user
/// is disabled is not kept here. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct KnownUsers(Arc<DashMap<(String, String), Uuid>>);

impl KnownUsers {
    /// Above it, everybody is forgotten and looked up again.
    const USERS_MAX: usize = 100_000;

    #[must_use]
    pub fn find(&self, token: &VerifiedToken) -> Option<Uuid> {
        let key = (token.issuer.clone(), token.subject.clone());
        self.0.get(&key).map(|id| *id)
    }

    /// Forgets users who are no more.
    pub fn forget(&self, ids: &HashSet<Uuid>) {
        if ids.is_empty() {
            return;
        }
        let before = self.0.len();
        self.0.retain(|_, id| !ids.contains(id));
        let users = before.saturating_sub(self.0.len());
        if users > 0 {
            tracing::debug!(users, "users that are no more are forgotten");
        }
    }

    pub fn learn(&self, token: &VerifiedToken, id: Uuid) {
        if self.0.len() >= Self::USERS_MAX {
            self.0.clear();
        }
        self.0.insert((token.issuer.clone(), token.subject.clone()), id);
    }
}
