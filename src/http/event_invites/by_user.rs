//! `/v1/events/{event_id}/invites/{user_id}`.

use axum::{extract::State, http::StatusCode};
use colloquy_actors::room::input::Notice;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{MailQuery, no_invite};
use crate::{
    events::Notifier,
    events::invitations,
    http::{
        ApiError, ApiState, access,
        auth::CurrentUser,
        body::Body,
        checks::Checks,
        params::{InPath, InQuery},
        refusals,
    },
    permissions::Operation,
    store::{
        self,
        event_invites::{self, Whom},
        events::InviteRole,
        users::User,
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(change, withdraw))
}

/// What changes of a user's invitation; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeUserInviteBody {
    /// `user` or `moderator`.
    role: Option<InviteRole>,
}

/// Change a user's invitation
///
/// Whoever is in the meeting stays what it is; a user who is no longer a moderator must be admitted anew.
#[utoipa::path(
    patch, path = "/events/{event_id}/invites/{user_id}", tag = "event_invites", operation_id = "change_event_invite",
    params(("event_id" = Uuid, Path), ("user_id" = Uuid, Path)), request_body = ChangeUserInviteBody,
    security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "Changed, or nothing was to be changed"),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((event, invitee)): InPath<(Uuid, Uuid)>,
    Body(body): Body<ChangeUserInviteBody>,
) -> Result<StatusCode, ApiError> {
    access::event(&state, &user, event, Operation::ChangeInvitees).await?;
    if body.role == Some(InviteRole::Guest) {
        let mut checks = Checks::default();
        checks.refuse("role", "invalid_value", "must be user or moderator");
        return Err(checks.refused());
    }
    set_role(&state, event, Whom::User(invitee), body.role).await
}

/// End a user's invitation
///
/// With it end access to event and room, and the favourite; the meeting's running sessions stay. Users may end their
/// own.
#[utoipa::path(
    delete, path = "/events/{event_id}/invites/{user_id}", tag = "event_invites", operation_id = "delete_event_invite",
    params(("event_id" = Uuid, Path), ("user_id" = Uuid, Path), MailQuery), security(("BearerAuth" = [])),
    responses(
        (status = 204, description = "The user is not invited any more"),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn withdraw(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath((event, invitee)): InPath<(Uuid, Uuid)>,
    InQuery(mail): InQuery<MailQuery>,
) -> Result<StatusCode, ApiError> {
    let operation = if invitee == user.profile.id {
        Operation::AnswerInvitation
    } else {
        Operation::ChangeInvitees
    };
    access::event(&state, &user, event, operation).await?;
    end(&state, event, Whom::User(invitee), &user, mail.notifier(&state)).await
}

/// Gives an invitee this role, if one is given. Tokens of a user who was moderator are void.
pub(super) async fn set_role(
    state: &ApiState,
    event: Uuid,
    whom: Whom,
    role: Option<InviteRole>,
) -> Result<StatusCode, ApiError> {
    let (db, live, now) = (state.db.clone(), state.live.clone(), state.clock.now());
    // The meeting hears of it even when the client has gone meanwhile.
    let found = store::unbroken(async move {
        let changed = event_invites::set_role(&db, event, whom, role, now).await?;
        if let Some(change) = changed
            && let Some(user) = change.demoted
        {
            live.notify(change.room_id.into(), Notice::UserWithdrawn(user.into()));
        }
        Ok::<_, ApiError>(changed.is_some())
    });
    if found.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_invite())
    }
}

/// Ends an invitation. Tokens of a user who was invited are void, and so are those of guests by the code of an address.
pub(super) async fn end(
    state: &ApiState,
    event: Uuid,
    whom: Whom,
    by: &User,
    notifier: Notifier,
) -> Result<StatusCode, ApiError> {
    let (db, live, by, now) = (
        state.db.clone(),
        state.live.clone(),
        by.profile.id,
        state.clock.now(),
    );
    // The meeting hears of it even when the client has gone meanwhile.
    let found = store::unbroken(async move {
        let withdrawn = invitations::withdraw(&db, event, whom, by, notifier, now).await?;
        if let Some(withdrawn) = &withdrawn {
            let user = withdrawn.user.map(|user| Notice::UserWithdrawn(user.into()));
            let code = withdrawn.invite_code;
            let code = code.map(|code| Notice::InviteWithdrawn(code.into()));
            for notice in user.into_iter().chain(code) {
                live.notify(withdrawn.room_id.into(), notice);
            }
        }
        Ok::<_, ApiError>(withdrawn.is_some())
    });
    if found.await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_invite())
    }
}
