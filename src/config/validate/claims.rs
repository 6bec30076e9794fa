//! What is read from claims, and when userinfo is asked.

use super::Rules;
use crate::config::Oidc;

/// Bounds of `oidc.userinfo_secs`: above the upper one a lost session would be seen too late, and below the lower one asking
/// would be most of what the identity provider does.
const USERINFO_SECS_MIN: u64 = 30;
const USERINFO_SECS_MAX: u64 = 3_600;

impl Rules {
    pub(super) fn claims(&mut self, oidc: &Oidc) {
        let claims = &oidc.claims;
        self.require(
            "oidc.userinfo_secs",
            (USERINFO_SECS_MIN..=USERINFO_SECS_MAX).contains(&oidc.userinfo_secs),
            format!("must be between {USERINFO_SECS_MIN} and {USERINFO_SECS_MAX}"),
        );
        self.require(
            "oidc.tenant_required",
            !oidc.tenant_required || !claims.tenant_id.is_empty(),
            "refuses everybody while oidc.claims.tenant_id is empty",
        );
        for (key, name) in [
            ("oidc.claims.groups", &claims.groups),
            ("oidc.claims.tenant_id", &claims.tenant_id),
            ("oidc.claims.tariff_id", &claims.tariff_id),
            ("oidc.claims.tariff_status", &claims.tariff_status),
            ("oidc.claims.picture", &claims.picture),
        ] {
            self.require(
                key,
                name.trim() == name,
                "must be the name of a claim, or empty to look at none",
            );
        }
        for (key, states) in [
            ("oidc.claims.paid_states", &claims.paid_states),
            ("oidc.claims.downgraded_states", &claims.downgraded_states),
        ] {
            self.require(
                key,
                states.iter().all(|state| !state.trim().is_empty()),
                "must name states; leave the list empty for none",
            );
        }
        if let Some(both) = (claims.paid_states.iter()).find(|state| claims.downgraded_states.contains(state))
        {
            self.require(
                "oidc.claims.downgraded_states",
                false,
                format!("`{both}` is among the paid states too"),
            );
        }
    }

    /// What can't be taken away again while userinfo is off.
    pub(super) fn absent_claims(&mut self, oidc: &Oidc) {
        self.require(
            "oidc.userinfo",
            oidc.userinfo,
            "is off: a tenant, group or tariff that is taken away at the identity provider stays here, and so do sessions that \
             have ended there",
        );
    }
}
