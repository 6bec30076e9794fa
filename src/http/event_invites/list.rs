//! `GET` and `POST /v1/events/{event_id}/invites`.

use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{InviteeResource, MailQuery, checked_email, strangers};
use crate::{
    events::invitations,
    http::{
        ApiError, ApiState, access,
        auth::CurrentUser,
        body::Body,
        checks::Checks,
        events::limited,
        pages::{Page, PageQuery},
        params::{InPath, InQuery, list_in_query},
        refusals,
    },
    permissions::Operation,
    store::{
        event_invites::{self, CreatedInvite, INVITEES_PER_EVENT_MAX, Invited, NewEventInvite, Whom},
        events::{InviteRole, InviteStatus},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, invite))
}

/// What invitees must have answered to be listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusQuery {
    /// One or more, separated by commas or each in a parameter of its own; absent or empty: any.
    #[param(style = Form, explode = false)]
    #[serde(rename = "status")]
    _status: Option<Vec<InviteStatus>>,
}

/// The value of [`StatusQuery`].
#[derive(Debug)]
struct Statuses(Vec<InviteStatus>);

impl<S: Send + Sync> FromRequestParts<S> for Statuses {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let values = list_in_query(&parts.uri, "status");
        let statuses = values.iter().map(|value| InviteStatus::parse(value));
        let statuses: Option<_> = statuses.collect();
        statuses.map(Self).ok_or_else(|| {
            ApiError::bad_request("status must consist of pending, accepted, tentative and declined")
        })
    }
}

/// Either a user or an address.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InviteBody {
    /// Id of a user of the same tenant.
    invitee: Option<Uuid>,
    /// An address; one that a user of the tenant has invites that user.
    email: Option<String>,
    /// `user` (the default) or `moderator` for a user, `guest` (the default) or `moderator` for an address.
    role: Option<InviteRole>,
}

impl InviteBody {
    fn checked(self) -> Result<(Whom, InviteRole), ApiError> {
        let mut checks = Checks::default();
        let (whom, default, wrong) = match (self.invitee, self.email) {
            (Some(user), None) => (Whom::User(user), InviteRole::User, InviteRole::Guest),
            (None, Some(email)) => {
                let email = checked_email(&email)?;
                (Whom::Email(email), InviteRole::Guest, InviteRole::User)
            }
            (Some(_), Some(_)) => {
                checks.refuse("email", "ignored_value", "must not stand beside invitee");
                return Err(checks.refused());
            }
            (None, None) => {
                checks.refuse("invitee", "value_required", "this or email is required");
                return Err(checks.refused());
            }
        };
        let role = self.role.unwrap_or(default);
        if role == wrong {
            checks.refuse("role", "invalid_value", "is not one of this kind of invitee");
        }
        checks.finish()?;
        Ok((whom, role))
    }
}

/// The invitees of an event
///
/// In the order of their invitation.
#[utoipa::path(
    get, path = "/events/{event_id}/invites", tag = "event_invites", operation_id = "list_event_invites",
    params(("event_id" = Uuid, Path), StatusQuery, PageQuery), security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A page of invitees", body = Vec<InviteeResource>,
         headers(("Link" = Option<String>, description = "Other pages (RFC 8288); absent when there is only one"))),
        refusals::OfParameters, refusals::OfCallers, refusals::OfIds, refusals::Always,
    ),
)]
async fn list(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    Statuses(statuses): Statuses,
    page: Page,
) -> Result<Response, ApiError> {
    access::event(&state, &user, event, Operation::ReadInvitees).await?;
    let listed = event_invites::list(&state.db, event, &statuses, page.window()).await?;
    let defaults = &state.config.defaults;
    Ok(page.answer(listed, |invite| InviteeResource::new(invite, defaults)))
}

/// Invite somebody to an event
///
/// That gives read access to the event and its room. An address without a user becomes one's invitation as soon as the identity
/// provider says that it is that user's; until then its owner comes in as a guest, by a code that only mails to it show.
/// 403 for an address that nobody is known to have, where the operator wants it so.
#[utoipa::path(
    post, path = "/events/{event_id}/invites", tag = "event_invites", operation_id = "create_event_invite",
    params(("event_id" = Uuid, Path), MailQuery), request_body = InviteBody, security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "Invited",
         headers(("x-colloquy-mail" = Option<String>, description = "`limited`: the invitee is not told, as it gets too many mails"))),
        (status = 204, description = "Was invited already, or created the event"),
        (status = 409, description = "The event has 1,000 invitees", body = crate::http::error::ErrorBody),
        (status = 429, description = "The caller has invited as many new addresses, or brought about as many mails, as a day has (`quota_exceeded`)",
         body = crate::http::error::ErrorBody,
         headers(("Retry-After" = u64, description = "Seconds until midnight UTC"))),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
async fn invite(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(mail): InQuery<MailQuery>,
    Body(body): Body<InviteBody>,
) -> Result<Response, ApiError> {
    access::event(&state, &user, event, Operation::ChangeInvitees).await?;
    let (whom, role) = body.checked()?;
    let names = match &whom {
        Whom::Email(email) => strangers::names(&state, &user, email).await?,
        Whom::User(_) => None,
    };
    let new = NewEventInvite {
        event_id: event,
        whom,
        names,
        unsaid: state.config.oidc.email_verified,
        role,
        created_by: user.profile.id,
        created_at: state.clock.now(),
    };
    let (invited, told) = invitations::invite(&state.db, new, mail.notifier(&state)).await?;
    match invited {
        Invited::New(CreatedInvite { passes_by_user, .. }) => {
            if passes_by_user {
                state.people.tell_of_unverified_address();
            }
            Ok((StatusCode::CREATED, limited(told)).into_response())
        }
        Invited::Already => Ok(StatusCode::NO_CONTENT.into_response()),
        Invited::NoEvent => Err(ApiError::not_found("No such event")),
        Invited::NoUser => Err(ApiError::not_found("No such user")),
        Invited::Full => Err(ApiError::conflict(format!(
            "The event has {INVITEES_PER_EVENT_MAX} invitees already"
        ))),
    }
}
