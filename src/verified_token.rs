//! An access token that passed every check, and what it says about its subject.

use chrono::{DateTime, Utc};

/// Longest URL of a picture, in bytes.
pub const PICTURE_CHARS_MAX: usize = 2_048;

/// An access token that passed every check. Cached until `expires_at`.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedToken {
    pub issuer: String,
    pub subject: String,
    /// The client that the token was made for (`azp` and its like).
    pub client: String,
    /// The login that it is of (`sid`), where the issuer says it.
    pub session: Option<String>,
    /// When it was made, in Unix seconds: never later than now, 0 where it does not say.
    pub issued_at: i64,
    pub expires_at: DateTime<Utc>,
    /// Realm roles of services (`realm_access.roles`).
    pub roles: Vec<String>,
    pub profile: ProfileClaims,
}

impl VerifiedToken {
    /// Since when what it says is so, in Unix seconds: userinfo is as of the moment when it answered.
    #[must_use]
    pub fn as_of(&self) -> i64 {
        self.profile
            .userinfo_at
            .map_or(self.issued_at, |at| at.max(self.issued_at))
    }
}

/// Claims that fill a user's profile, of a token or of a token and its userinfo taken together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileClaims {
    pub email: Option<String>,
    /// Whether the issuer knows that the address is the subject's; `None` when it does not say.
    pub email_verified: Option<bool>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub name: Option<String>,
    pub nickname: Option<String>,
    pub preferred_username: Option<String>,
    pub locale: Option<String>,
    pub phone_number: Option<String>,
    pub groups: Option<Vec<String>>,
    pub tenant_id: Option<String>,
    /// The claim of the tenant is there and is no text: nobody knows whose tenant that is.
    pub tenant_is_unreadable: bool,
    pub tariff_id: Option<String>,
    pub tariff_status: Option<String>,
    /// URL of a picture, as it is written.
    pub picture: Option<String>,
    /// When userinfo has answered too, in Unix seconds: what is absent then is absent at the issuer. Without it absence says
    /// nothing.
    pub userinfo_at: Option<i64>,
}
