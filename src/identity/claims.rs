//! What a verified token says about its subject.

use chrono::{DateTime, Utc};

/// An access token that passed every check. Cached until `expires_at`.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedToken {
    pub issuer: String,
    pub subject: String,
    pub expires_at: DateTime<Utc>,
    /// Realm roles of services (`realm_access.roles`).
    pub roles: Vec<String>,
    pub profile: ProfileClaims,
}

/// Claims that fill a user's profile; absent ones leave the stored value alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileClaims {
    pub email: Option<String>,
    /// Whether the issuer knows that the address is the subject's; `None` when it does not say.
    pub email_verified: Option<bool>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub name: Option<String>,
    pub nickname: Option<String>,
    pub locale: Option<String>,
    pub phone_number: Option<String>,
    pub groups: Option<Vec<String>>,
    pub tenant_id: Option<String>,
    pub tariff_id: Option<String>,
    pub tariff_status: Option<String>,
}
