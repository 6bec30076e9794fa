//! What a verified token says about its subject.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    jwt::Claims,
    limits::{LIST_ENTRIES_MAX, PICTURE_CHARS_MAX, PROFILE_TEXT_CHARS_MAX},
};
use crate::config::ClaimNames;

/// The beginning of a role that a Keycloak realm gives to everybody; where roles are mapped as groups it is no group.
const ROLES_OF_EVERYBODY: &str = "default-roles-";

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
    pub tariff_id: Option<String>,
    pub tariff_status: Option<String>,
    /// URL of a picture, as it is written.
    pub picture: Option<String>,
    /// When userinfo has answered too, in Unix seconds: what is absent then is absent at the issuer. Without it absence says
    /// nothing.
    pub userinfo_at: Option<i64>,
}

/// Profile claims of a token or of a userinfo answer.
pub(super) fn profile(claims: &Claims, names: &ClaimNames) -> ProfileClaims {
    let claim = |name: &str| claims.get(name).and_then(text);
    // An empty name switches a claim off.
    let mapped = |name: &String| claims.get(name).filter(|_| !name.is_empty());
    ProfileClaims {
        email: claim("email"),
        email_verified: claims.get("email_verified").and_then(truth),
        given_name: claim("given_name"),
        family_name: claim("family_name"),
        name: claim("name"),
        nickname: claim("nickname"),
        preferred_username: claim("preferred_username"),
        locale: claim("locale"),
        phone_number: claim("phone_number"),
        groups: mapped(&names.groups).and_then(groups),
        tenant_id: mapped(&names.tenant_id).and_then(text),
        tariff_id: mapped(&names.tariff_id).and_then(text),
        tariff_status: mapped(&names.tariff_status).and_then(text),
        picture: mapped(&names.picture).and_then(address),
        userinfo_at: None,
    }
}

fn groups(value: &Value) -> Option<Vec<String>> {
    let mut groups = texts(value)?;
    groups.retain(|group| match group.as_str() {
        "offline_access" | "uma_authorization" => false,
        group => !group.starts_with(ROLES_OF_EVERYBODY),
    });
    Some(groups)
}

/// The text of an address; whether it is one is for whoever uses it to say. One that is too long is not cut.
fn address(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (1..=PICTURE_CHARS_MAX)
        .contains(&text.len())
        .then(|| text.to_owned())
}

/// A text fit to be stored and shown: no control characters, not empty, not endless.
pub(super) fn text(value: &Value) -> Option<String> {
    let clean: String = (value.as_str()?.chars())
        .filter(|c| !c.is_control())
        .take(PROFILE_TEXT_CHARS_MAX)
        .collect();
    let trimmed = clean.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// Some issuers write the word instead of the value.
fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array()?;
    Some(list.iter().take(LIST_ENTRIES_MAX).filter_map(text).collect())
}
