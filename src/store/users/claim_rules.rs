//! How the operator wants claims to be read.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::TariffStatus;
use crate::{
    config::{ClaimNames, EmailVerified, Oidc},
    verified_token::VerifiedToken,
};

/// Values that a warning was given for; further ones are told to nobody.
const WARNED_MAX: usize = 100;

/// What the settings say about claims. Clones are one.
#[derive(Debug, Clone)]
pub struct ClaimRules(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    /// The client whose tokens may change users.
    client_id: String,
    email_verified: EmailVerified,
    tenant_required: bool,
    wants_tenants: bool,
    names: ClaimNames,
    warned: Mutex<BTreeSet<(&'static str, String)>>,
}

impl Default for ClaimRules {
    fn default() -> Self {
        Self::new(&Oidc::default())
    }
}

impl ClaimRules {
    #[must_use]
    pub fn new(oidc: &Oidc) -> Self {
        Self(Arc::new(Rules {
            client_id: oidc.client_id.clone(),
            email_verified: oidc.email_verified,
            tenant_required: oidc.tenant_required,
            wants_tenants: oidc.wants_tenants(),
            names: oidc.claims.clone(),
            warned: Mutex::default(),
        }))
    }

    /// Whether a token is one of those that may change a user; others only fill what is empty.
    #[must_use]
    pub fn may_change(&self, token: &VerifiedToken) -> bool {
        token.client == self.0.client_id
    }

    /// Whether people without a tenant are refused.
    #[must_use]
    pub fn tenant_required(&self) -> bool {
        self.0.tenant_required
    }

    /// Whether the settings say that tenants matter; several tenants in the database say so too.
    #[must_use]
    pub fn wants_tenants(&self) -> bool {
        self.0.wants_tenants
    }

    /// The names of the claims; an empty one is switched off.
    #[must_use]
    pub fn names(&self) -> &ClaimNames {
        &self.0.names
    }

    /// Whether somebody whose address this is said to be gets what is meant for the address.
    pub(super) fn trusts_address(&self, email_verified: Option<bool>) -> bool {
        match self.0.email_verified {
            EmailVerified::Required => email_verified == Some(true),
            EmailVerified::Assumed => email_verified != Some(false),
        }
    }

    /// The state of a tariff that a claim means; a word that nobody knows means the default.
    pub(super) fn status(&self, word: &str) -> TariffStatus {
        let names = |list: &[String]| list.iter().any(|known| known == word);
        if names(&self.0.names.paid_states) {
            TariffStatus::Paid
        } else if names(&self.0.names.downgraded_states) {
            TariffStatus::Downgraded
        } else {
            if word != TariffStatus::Default.as_str() {
                self.warn("state of a tariff", word);
            }
            TariffStatus::Default
        }
    }

    /// Tells the operator once that the issuer, or a setting, names a tariff that does not exist.
    pub(super) fn unknown_tariff(&self, name: &str) {
        self.warn("tariff", name);
    }

    /// Tells the operator once that the issuer names tenants by what is no text.
    pub fn warn_of_unreadable_tenant(&self) {
        let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(("tenant", String::new())) {
            tracing::warn!(
                claim = self.names().tenant_id,
                "the claim of the tenant is no text, as of a mapper that makes lists; its people are refused"
            );
        }
    }

    fn warn(&self, kind: &'static str, value: &str) {
        let mut warned = self.0.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNED_MAX && warned.insert((kind, value.to_owned())) {
            tracing::warn!(
                value,
                "an unknown {kind} is named; users keep the tariff that they have"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_names_of_the_operators_choice() {
        let rules = ClaimRules::new(&Oidc {
            claims: ClaimNames {
                paid_states: vec!["active".to_owned(), "trial".to_owned()],
                downgraded_states: vec!["overdue".to_owned()],
                ..ClaimNames::default()
            },
            ..Oidc::default()
        });
        for (word, expected) in [
            ("active", TariffStatus::Paid),
            ("trial", TariffStatus::Paid),
            ("overdue", TariffStatus::Downgraded),
            ("default", TariffStatus::Default),
            ("paid", TariffStatus::Default),
            ("", TariffStatus::Default),
        ] {
            assert_eq!(rules.status(word), expected, "{word}");
        }
    }

    #[test]
    fn warnings_are_given_once_per_value_and_not_without_end() {
        let rules = ClaimRules::default();
        for number in 0..2 * WARNED_MAX {
            rules.unknown_tariff(&format!("tariff {number}"));
            rules.unknown_tariff("tariff 0");
        }
        rules.status("default");
        assert_eq!(rules.0.warned.lock().expect("unpoisoned").len(), WARNED_MAX);
    }
}
