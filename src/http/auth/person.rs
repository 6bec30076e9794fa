//! From a token to a user: who is known goes on at once, and the row follows what the issuer says; who is new may have to wait
//! for what userinfo knows beside the token.

use colloquy_actors::ids::UserId;

use super::{Member, enabled};
use crate::{
    http::{ApiError, ApiState},
    identity::{
        Absence, Presented, Question, VerifiedToken,
        limits::{USERINFO_NEED_MAX, USERINFO_WISH_MAX},
    },
    store::{
        StoreError, tenants,
        users::{self, User},
    },
};

/// Notes of last visits that are written at the same time; who finds no place is noted by the next request.
pub const VISIT_NOTES_MAX: usize = 4;

/// Looks the subject of a token up, or creates it.
pub(in crate::http) async fn user_of(state: &ApiState, member: &Member) -> Result<User, ApiError> {
    check_tenant(state, &member.presented.token)?;
    let token = &member.presented.token;
    let user = match users::by_identity(&state.db, &token.issuer, &token.subject).await? {
        Some(user) if member.presented.has_news() => {
            Box::pin(bring_up(state, &member.presented, user)).await?
        }
        Some(user) => user,
        None => Box::pin(newcomer(state, &member.presented)).await?,
    };
    state.known_users.learn(token, user.profile.id);
    if user.is_seen_anew(state.clock.now()) {
        note_visit(state, &user);
    }
    enabled(user)
}

/// Refuses whoever has no tenant at the issuer, where one is required, and whose tenant is no text: it may be anybody's. Where it is not known yet, a user of before goes on in
/// the tenant that it has.
pub(in crate::http) fn check_tenant(state: &ApiState, token: &VerifiedToken) -> Result<(), ApiError> {
    let rules = &state.claim_rules;
    if token.profile.tenant_is_unreadable {
        rules.warn_of_unreadable_tenant();
        return Err(no_tenant(state));
    }
    let lacks = token.profile.tenant_id.is_none() && token.profile.userinfo_at.is_some();
    if rules.tenant_required() && lacks && rules.may_change(token) {
        return Err(no_tenant(state));
    }
    Ok(())
}

fn no_tenant(state: &ApiState) -> ApiError {
    let claim = &state.claim_rules.names().tenant_id;
    ApiError::forbidden(format!(
        "The identity provider names no tenant for this account (claim `{claim}`)"
    ))
}

/// Brings a known user up to what is said in a token, and in userinfo so far.
async fn bring_up(state: &ApiState, presented: &Presented, user: User) -> Result<User, StoreError> {
    let (token, defaults) = (&presented.token, state.new_user_defaults());
    if users::differs(&state.db, &user, token, &defaults.claims).await? {
        let changed = write(state, presented.clone()).await?;
        note_move(state, &user, &changed);
        return Ok(changed);
    }
    presented.note_compared();
    Ok(user)
}

/// Writes what is said into the user's row, and anew where userinfo has answered meanwhile: whoever follows its answer may have
/// written it just before.
async fn write(state: &ApiState, mut presented: Presented) -> Result<User, StoreError> {
    let defaults = state.new_user_defaults();
    loop {
        let now = state.clock.now();
        let user = users::upsert_from_claims(&state.db, &presented.token, &defaults, now).await?;
        presented.note_compared();
        if presented.is_newest() {
            return Ok(user);
        }
        presented = presented.refreshed();
    }
}

/// Whoever is in another tenant now comes back to no meeting of the old one by what was given out there.
pub(in crate::http) fn note_move(state: &ApiState, before: &User, now: &User) {
    if before.tenant_id != now.tenant_id {
        state.live.user_withdrawn(UserId(now.profile.id));
    }
}

/// Makes a user.
async fn newcomer(state: &ApiState, presented: &Presented) -> Result<User, ApiError> {
    let mut presented = state.verifier.hear(presented, USERINFO_WISH_MAX).await;
    if presented.token.profile.tenant_id.is_none() && tenants_matter(state).await? {
        presented = state.verifier.hear(&presented, USERINFO_NEED_MAX).await;
        may_lack_tenant(state, &presented)?;
    }
    Ok(write(state, presented).await?)
}

/// Whether somebody whose token names no tenant may belong to another one than the default.
pub(in crate::http) async fn tenants_matter(state: &ApiState) -> Result<bool, ApiError> {
    let rules = &state.claim_rules;
    if rules.names().tenant_id.is_empty() {
        return Ok(false);
    }
    Ok(rules.wants_tenants() || tenants::are_several(&state.db).await?)
}

/// Nobody gets into the default tenant because it is not known, at this moment, to which one they belong.
fn may_lack_tenant(state: &ApiState, presented: &Presented) -> Result<(), ApiError> {
    if presented.token.profile.tenant_id.is_some() {
        return Ok(());
    }
    // Another client's tokens may lack what those of the web client have.
    if !state.claim_rules.may_change(&presented.token) {
        return Err(no_tenant(state));
    }
    match state.verifier.absence(presented) {
        Absence::Unknown => Err(ApiError::unavailable(
            "The identity provider can not be asked for the tenant of this account",
        )),
        Absence::OutOfScope => Err(no_tenant(state)),
        Absence::Known | Absence::NeverSaid if state.claim_rules.tenant_required() => Err(no_tenant(state)),
        Absence::Known | Absence::NeverSaid => Ok(()),
    }
}

/// Follows a question to userinfo that a request began: a user's row is mended as soon as there is an answer. It creates
/// nobody.
pub(super) fn follow(state: &ApiState, presented: Presented, question: Question) {
    let state = state.clone();
    tokio::spawn(async move {
        question.over().await;
        let presented = presented.refreshed();
        if presented.has_news()
            && let Err(error) = mend(&state, &presented).await
        {
            // The next request of the user tries again.
            tracing::debug!(%error, "could not take over what userinfo says");
        }
    });
}

async fn mend(state: &ApiState, presented: &Presented) -> Result<(), StoreError> {
    let token = &presented.token;
    if let Some(user) = users::by_identity(&state.db, &token.issuer, &token.subject).await? {
        bring_up(state, presented, user).await?;
    }
    Ok(())
}

/// Beside the request: a visit that is not noted is noted by the next one.
fn note_visit(state: &ApiState, user: &User) {
    let Ok(place) = state.visits.clone().try_acquire_owned() else {
        return;
    };
    let (state, user) = (state.clone(), user.clone());
    tokio::spawn(async move {
        if let Err(error) = users::note_seen(&state.db, &user, state.clock.now()).await {
            tracing::debug!(%error, "could not note a visit");
        }
        drop(place);
    });
}
