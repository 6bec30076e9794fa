//! `POST /v1/rooms/{room_id}/start` and `…/start_invited`: tickets for the signaling WebSocket.

mod limits;

use axum::{Extension, Json, extract::State, http::StatusCode};
use colloquy_actors::{
    ids::{BreakoutRoomId, InviteCode, RoomId},
    live::{Admission, Issued, StartError, StartRequest},
    protocol::meeting::Caller,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

/// Seconds after which an owner may have fewer rooms in use.
const LIVING_ROOMS_RETRY_SECS: u64 = 30;

/// How often a start reads who may come in, as somebody else loses access meanwhile.
const READS_MAX: usize = 3;

pub use self::limits::{Asker, StartLimits};
use super::{
    ApiError, ApiState, access,
    auth::{self, Member, SignedIn},
    body::StartBody,
    guessing::RoomGuess,
    params::InPath,
    refusals,
};
use crate::{
    client_address::ClientAddress,
    meetings::{self, Visitor},
    permissions::{Operation, Standing},
    secrets::Secret,
    store::{groups, invites, users::Profile},
    text::composed,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(start_invited))
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct StartRoomBody {
    /// Into a breakout room; absent or null: the main room.
    breakout_room: Option<Uuid>,
    /// Token of an earlier session, which keeps the participant id.
    resumption: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub struct StartInvitedBody {
    invite_code: Uuid,
    /// The room's password; a valid resumption token replaces it.
    password: Option<String>,
    /// Into a breakout room; absent or null: the main room.
    breakout_room: Option<Uuid>,
    /// Token of an earlier session, which keeps the participant id.
    resumption: Option<String>,
}

/// Keys of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct StartedResource {
    /// Opens one WebSocket within 30 s: `Sec-WebSocket-Protocol: opentalk-signaling-json-v1.0, ticket#<ticket>`.
    ticket: String,
    /// Brings the same participant back while its session lives or is lost, and 120 s after.
    resumption: String,
}

impl From<Issued> for StartedResource {
    fn from(issued: Issued) -> Self {
        Self {
            ticket: issued.ticket,
            resumption: issued.resumption,
        }
    }
}

/// Enter a room as a registered user
#[utoipa::path(
    post, path = "/rooms/{room_id}/start", tag = "rooms", operation_id = "start_room", params(("room_id" = Uuid, Path)),
    request_body = StartRoomBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "A ticket", body = StartedResource),
        refusals::OfCallers, refusals::OfIds, refusals::OfStarts, refusals::OfCounted, refusals::Always,
    ),
)]
async fn start(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    member: Member,
    InPath(room): InPath<Uuid>,
    StartBody(body): StartBody<StartRoomBody>,
) -> Result<Json<StartedResource>, ApiError> {
    let subject = || Asker::User(member.token.subject.clone());
    let asker = state.start_limits.asker(address, subject);
    state.start_limits.admit(&asker, body.resumption.is_some())?;
    // Whoever comes back is not looked up.
    auth::check_tenant(&state, &member.token)?;
    let known = match member.id {
        Some(id) => id,
        None => auth::user_of(&state, &member).await?.profile.id,
    };
    let request = StartRequest {
        room: RoomId(room),
        caller: Caller::User(known.into()),
        resumption: body.resumption,
        breakout_room: body.breakout_room.map(BreakoutRoomId),
        origin: Some(state.start_limits.origin(address)),
        signed_in: None,
        as_of: state.live.access_revision(),
    };
    let is_known = match resume(&state, asker, &request).await? {
        Resumed::Issued(issued) => return Ok(issued),
        Resumed::Known => true,
        Resumed::Unknown => false,
    };
    let mut admitting = Admitting::new(&state, request);
    loop {
        let request = admitting.begin()?;
        let user = auth::user_of(&state, &member).await?;
        let admission = match access::related_room(&state, &user, room, Operation::StartRoom).await {
            // Somebody came by a link and signed in since: the token of the guest is good here too.
            Err(_) if is_known => admission_by_token(&state, request).await?,
            related => admission(&state, request, Some((&user.profile, related?.standing))).await?,
        };
        if let Some(issued) = admitting.issue(&admission).await? {
            return Ok(issued);
        }
    }
}

/// Enter a room as a guest
///
/// Needs no authorisation. An `Authorization` header is looked at for one thing only: a user whom a moderator has banned, or whose account
/// is disabled, does not come in by a link either. Where too many passwords were wrong, a guess of a
/// network that has not known the password before is answered after 30 s.
#[utoipa::path(
    post, path = "/rooms/{room_id}/start_invited", tag = "rooms", operation_id = "start_room_invited",
    params(("room_id" = Uuid, Path)), request_body = StartInvitedBody,
    responses(
        (status = 200, description = "A ticket", body = StartedResource),
        (status = 401, description = "The password is wrong (`wrong_room_password`)", body = super::error::ErrorBody),
        (status = 403, description = "The caller's account or that of the room's owner is disabled, or nobody comes in by a link (`forbidden`), or a moderator has banned the guest (`banned_from_room`)", body = super::error::ErrorBody),
        refusals::OfIds, refusals::OfStarts, refusals::OfCounted, refusals::Always,
    ),
)]
async fn start_invited(
    State(state): State<ApiState>,
    Extension(address): Extension<ClientAddress>,
    SignedIn(signed_in): SignedIn,
    InPath(room): InPath<Uuid>,
    StartBody(body): StartBody<StartInvitedBody>,
) -> Result<Json<StartedResource>, ApiError> {
    let code = || Asker::Invite(body.invite_code);
    let asker = state.start_limits.asker(address, code);
    state.start_limits.admit(&asker, body.resumption.is_some())?;
    if signed_in.is_some_and(|user| state.disabled_users.has(user.0)) {
        return Err(auth::account_disabled());
    }
    let request = StartRequest {
        room: RoomId(room),
        caller: Caller::Guest(InviteCode(body.invite_code)),
        resumption: body.resumption.clone(),
        breakout_room: body.breakout_room.map(BreakoutRoomId),
        origin: Some(state.start_limits.origin(address)),
        signed_in,
        as_of: state.live.access_revision(),
    };
    // Where the operator lets no guests in, tokens of before bring none back.
    let resumed = if state.config.guests.allowed {
        resume(&state, asker, &request).await?
    } else {
        Resumed::Unknown
    };
    let is_known = match resumed {
        Resumed::Issued(issued) => return Ok(issued),
        Resumed::Known => true,
        Resumed::Unknown => false,
    };
    let mut admitting = Admitting::new(&state, request);
    loop {
        let request = admitting.begin()?;
        let admission = if is_known {
            admission_by_token(&state, request).await?
        } else {
            check_invite(&state, address, room, &body).await?;
            admission(&state, request, None).await?
        };
        if let Some(issued) = admitting.issue(&admission).await? {
            return Ok(issued);
        }
    }
}

/// A good token of a meeting that was dropped still replaces invite and password.
async fn admission_by_token(state: &ApiState, request: &StartRequest) -> Result<Admission, ApiError> {
    Ok(Admission {
        // Should the token expire just now, nobody comes in unchecked: the client asks again.
        identity: None,
        ..admission(state, request, None).await?
    })
}

/// What came of a resumption token.
enum Resumed {
    Issued(Json<StartedResource>),
    /// The token is good, and its meeting was dropped: it still replaces invite and password.
    Known,
    /// There is none, or it speaks for nobody.
    Unknown,
}

/// A resumption token asks the room alone: no database on the way of those who come back. Only what is not good counts.
async fn resume(state: &ApiState, asker: Asker, request: &StartRequest) -> Result<Resumed, ApiError> {
    if request.resumption.is_none() {
        return Ok(Resumed::Unknown);
    }
    let error = match state.live.issue(request, None).await {
        // Asked when the room lives for sure. The ticket is forgotten where its owner is locked out.
        Ok(_) if owner_is_disabled(state, request.room) => return Err(access::owner_disabled()),
        Ok(issued) => return Ok(Resumed::Issued(Json(issued.into()))),
        // It says nothing about the token.
        Err(StartError::Unavailable) => return Err(refusal(StartError::Unavailable)),
        Err(error) => error,
    };
    let is_good = state.live.knows(request).await;
    if !is_good {
        state.start_limits.count(asker);
    }
    match error {
        StartError::NeedsAdmission if is_good => Ok(Resumed::Known),
        StartError::NeedsAdmission => Ok(Resumed::Unknown),
        error => Err(refusal(error)),
    }
}

fn owner_is_disabled(state: &ApiState, room: RoomId) -> bool {
    let owner = state.live.owner_of(room);
    owner.is_some_and(|owner| state.disabled_users.has(owner.0))
}

async fn admission(
    state: &ApiState,
    request: &StartRequest,
    user: Option<(&Profile, Standing)>,
) -> Result<Admission, ApiError> {
    let facts = meetings::facts(&state.db, request.room, state.clock.now()).await?;
    let facts = access::open(facts.ok_or_else(|| ApiError::not_found("No such room"))?)?;
    let member = if let Some((profile, standing)) = user {
        Some(Visitor {
            profile,
            standing,
            groups: groups::of_user(&state.db, profile.id).await?,
        })
    } else {
        access::guests_in(state, facts.room.guest_access, &facts.tariff)?;
        None
    };
    Ok(meetings::admission(
        facts,
        member,
        &state.config,
        (&state.offer, &state.seals),
    ))
}

/// A `start` that needs an admission. What that is made of is read anew where somebody has lost access meanwhile.
pub(super) struct Admitting<'a> {
    state: &'a ApiState,
    request: StartRequest,
    reads: usize,
}

impl<'a> Admitting<'a> {
    pub(super) fn new(state: &'a ApiState, request: StartRequest) -> Self {
        let reads = 0;
        Self {
            state,
            request,
            reads,
        }
    }

    /// Before anything is read for the admission, each time.
    pub(super) fn begin(&mut self) -> Result<&StartRequest, ApiError> {
        if self.reads == READS_MAX {
            return Err(refusal(StartError::Outdated));
        }
        self.reads += 1;
        self.request.as_of = self.state.live.access_revision();
        Ok(&self.request)
    }

    /// The keys, or nothing where the admission is outdated.
    pub(super) async fn issue(
        &self,
        admission: &Admission,
    ) -> Result<Option<Json<StartedResource>>, ApiError> {
        match self.state.live.issue(&self.request, Some(admission)).await {
            Ok(issued) => Ok(Some(Json(issued.into()))),
            Err(StartError::Outdated) => Ok(None),
            Err(error) => Err(refusal(error)),
        }
    }
}

/// The code must be active, in time and of this room, and the password right.
async fn check_invite(
    state: &ApiState,
    address: ClientAddress,
    room: Uuid,
    body: &StartInvitedBody,
) -> Result<(), ApiError> {
    let mut hold = None;
    loop {
        // Read anew after a hold: the invite may have been withdrawn meanwhile, or the password changed.
        let invite = invites::for_start(&state.db, body.invite_code).await?;
        let invite = invite.filter(|invite| invite.is_valid(state.clock.now()));
        let invite = invite.ok_or_else(|| ApiError::not_found("No such invite"))?;
        if invite.room_id != room {
            return Err(ApiError::bad_request("The invite is for another room"));
        }
        if invite.owner_disabled {
            return Err(access::owner_disabled());
        }
        access::guests_in(state, invite.guest_access, &invite.tariff)?;
        let Some(password) = &invite.room_password else {
            return Ok(());
        };
        // A client that has none yet asks to be asked for it: no guess. No password is empty.
        let given = body.password.as_deref().filter(|given| !given.is_empty());
        let given = given.ok_or_else(wrong_password)?;
        let given = composed(given.to_owned());
        // One that was set by an earlier version may stand there otherwise.
        let is_right = || Secret::new(composed(password.reveal().to_owned())).matches(&given);
        match state.start_limits.guess(address, room, hold.take(), is_right) {
            RoomGuess::Right => return Ok(()),
            RoomGuess::Wrong => return Err(wrong_password()),
            RoomGuess::Refused { retry_after_secs } => {
                return Err(ApiError::too_many_requests(retry_after_secs));
            }
            RoomGuess::Held(place) => hold = Some(state.start_limits.wait(place).await?),
        }
    }
}

fn wrong_password() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "wrong_room_password",
        "The password is wrong",
    )
}

fn refusal(error: StartError) -> ApiError {
    match error {
        StartError::NoBreakoutRooms => ApiError::new(
            StatusCode::BAD_REQUEST,
            "no_breakout_rooms",
            "The breakout room does not run",
        ),
        StartError::Banned => ApiError::new(
            StatusCode::FORBIDDEN,
            "banned_from_room",
            "A moderator has banned you from this meeting",
        ),
        StartError::TooManyRooms => ApiError::unavailable("The owner of the room has too many rooms in use")
            .retry_after(LIVING_ROOMS_RETRY_SECS),
        StartError::Unavailable | StartError::NeedsAdmission | StartError::Outdated => {
            ApiError::unavailable("The room can't be served at this moment")
        }
    }
}
