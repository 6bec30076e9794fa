//! What a verified token says about its subject.

use serde_json::Value;

use super::{
    jwt::Claims,
    limits::{LIST_ENTRIES_MAX, PROFILE_TEXT_CHARS_MAX},
};
use crate::{
    config::ClaimNames,
    verified_token::{PICTURE_CHARS_MAX, ProfileClaims},
};

/// The beginning of a role that a Keycloak realm gives to everybody; where roles are mapped as groups it is no group.
const ROLES_OF_EVERYBODY: &str = "default-roles-";

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
        tenant_is_unreadable: mapped(&names.tenant_id)
            .is_some_and(|claim| !claim.is_null() && !claim.is_string()),
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
