//! Profile claims that an access token lacks, from the issuer's userinfo endpoint.

use reqwest::header::ACCEPT;
use serde_json::Value;
use url::Url;

use super::{
    ProfileClaims, VerifiedToken,
    fetch::{self, FetchError},
    jwt::Claims,
    rules,
};
use crate::config::ClaimNames;

/// Whether a profile can't be filled from the token alone.
pub(super) fn is_lacking(profile: &ProfileClaims) -> bool {
    let names = [
        &profile.name,
        &profile.given_name,
        &profile.family_name,
        &profile.nickname,
    ];
    profile.email.is_none() || names.into_iter().all(Option::is_none)
}

/// Asks the userinfo endpoint about the bearer of `token`.
pub(super) async fn fetch(http: &reqwest::Client, endpoint: Url, token: &str) -> Result<Claims, FetchError> {
    let request = http
        .get(endpoint)
        .bearer_auth(token)
        .header(ACCEPT, "application/json");
    Ok(serde_json::from_slice(&fetch::body(request).await?)?)
}

/// Fills what the token lacks; what the token says counts. `None` when the answer is about somebody else
/// (OpenID Connect Core 1.0, section 5.3.2).
pub(super) fn complete(
    verified: &VerifiedToken,
    claims: &Claims,
    names: &ClaimNames,
) -> Option<VerifiedToken> {
    if claims.get("sub").and_then(Value::as_str) != Some(verified.subject.as_str()) {
        return None;
    }
    let theirs = rules::profile(claims, names);
    let ours = verified.profile.clone();
    let profile = ProfileClaims {
        email: ours.email.or(theirs.email),
        email_verified: ours.email_verified.or(theirs.email_verified),
        given_name: ours.given_name.or(theirs.given_name),
        family_name: ours.family_name.or(theirs.family_name),
        name: ours.name.or(theirs.name),
        nickname: ours.nickname.or(theirs.nickname),
        locale: ours.locale.or(theirs.locale),
        phone_number: ours.phone_number.or(theirs.phone_number),
        groups: ours.groups.or(theirs.groups),
        tenant_id: ours.tenant_id.or(theirs.tenant_id),
        tariff_id: ours.tariff_id.or(theirs.tariff_id),
        tariff_status: ours.tariff_status.or(theirs.tariff_status),
    };
    Some(VerifiedToken {
        profile,
        ..verified.clone()
    })
}
