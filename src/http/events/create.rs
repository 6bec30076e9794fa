//! `POST /v1/events`.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    bodies::{TimesInBody, check_report, check_texts, checked_password, checked_targets, kept_report},
    date_time::DateTimeTz,
    folders,
    resource::EventResource,
    shown,
};
use crate::{
    catalogue::{CALL_IN, CORE, TRAINING_REPORT},
    events::{self, Draft, Schedule, off_thread},
    http::{
        ApiError, ApiState, auth::CurrentUser, body::Body, checks::Checks, params::InQuery, refusals,
        streaming_targets::CreateStreamingTargetBody,
    },
    store::{
        self,
        events::{NewEvent, TrainingReport},
        guest_access::GuestAccess,
        invites::Editor,
        rooms::NewRoom,
        tariffs::Tariff,
        users::User,
    },
    tariffs::TariffResource,
    text::composed,
};

/// A new event. What is null counts as absent.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateEventBody {
    #[schema(max_length = 255)]
    title: String,
    #[schema(max_length = 4096)]
    description: String,
    /// Of the room.
    #[schema(min_length = 1, max_length = 255)]
    password: Option<String>,
    waiting_room: Option<bool>,
    /// Of the room: how people come in who have a link; absent or null: directly.
    guest_access: Option<GuestAccess>,
    e2e_encryption: Option<bool>,
    is_adhoc: Option<bool>,
    /// Whether the event has no times.
    is_time_independent: bool,
    is_all_day: Option<bool>,
    starts_at: Option<DateTimeTz>,
    ends_at: Option<DateTimeTz>,
    /// At most four lines of RFC 5545: RRULE, RDATE, EXRULE, EXDATE. Nothing is more frequent than daily.
    recurrence_pattern: Option<Vec<String>>,
    /// Needs a storage provider: 400 where this server has none.
    has_shared_folder: Option<bool>,
    streaming_targets: Option<Vec<CreateStreamingTargetBody>>,
    /// Whether participants learn how else the meeting can be reached.
    show_meeting_details: Option<bool>,
    training_participation_report: Option<TrainingReport>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CreateQuery {
    /// Tell invitees nothing. A new event has none.
    #[serde(default, rename = "suppress_email_notification")]
    _suppress_mail: bool,
}

/// Create an event
///
/// With a room of its own.
#[utoipa::path(
    post, path = "/events", tag = "events", operation_id = "create_event", params(CreateQuery),
    request_body = CreateEventBody, security(("BearerAuth" = [])),
    responses(
        (status = 201, description = "The new event", body = EventResource,
         headers(("Location" = String, description = "Path of the event"))),
        (status = 502, description = "The storage provider is of no use", body = crate::http::error::ErrorBody),
        refusals::OfCallers, refusals::OfBodies, refusals::Always,
    ),
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InQuery(_query): InQuery<CreateQuery>,
    Body(body): Body<CreateEventBody>,
) -> Result<Response, ApiError> {
    let wants_folder = body.has_shared_folder == Some(true);
    let draft = draft(&state, &user, body).await?;
    let maker = state.clone();
    // To its end even when the client has gone: a folder without an event would stay behind.
    let created = store::unbroken(async move {
        let folder = folders::made(&maker, draft.event.id, wants_folder).await?;
        let draft = Draft {
            folder: folder.clone(),
            ..draft
        };
        folders::settled(
            &maker,
            folder,
            events::create(&maker.db, draft, maker.config.quotas).await,
        )
        .await
    });
    let seen = created.await?;
    let location = format!("/v1/events/{}", seen.event.id);
    let event = shown::event(&state, seen, 0).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(event)).into_response())
}

async fn draft(state: &ApiState, user: &User, mut body: CreateEventBody) -> Result<Draft, ApiError> {
    let (now, room_id, mut checks) = (state.clock.now(), Uuid::new_v4(), Checks::default());
    let asked = times(&body).checked(&mut checks);
    (body.title, body.description) = (composed(body.title), composed(body.description));
    check_texts(&mut checks, Some(&body.title), Some(&body.description));
    check_report(&mut checks, body.training_participation_report.as_ref());
    let password = body
        .password
        .map(|password| checked_password(&mut checks, password));
    let streaming_targets = checked_targets(
        &mut checks,
        body.streaming_targets.unwrap_or_default(),
        room_id,
        now,
    );
    checks.finish()?;
    let schedule = off_thread(move || Schedule::new(asked)).await??;
    let creator = Editor {
        user: user.profile.id,
        at: now,
    };
    let tariff = own_tariff(state, creator.user).await?;
    let has_module = state.offer.has_module(TRAINING_REPORT, &tariff);
    let training_report = kept_report(has_module, body.training_participation_report);
    let shows_details = body.show_meeting_details.unwrap_or_default();
    let e2e_encryption = body.e2e_encryption.unwrap_or_default();
    Ok(Draft {
        room: NewRoom {
            id: room_id,
            tenant_id: user.tenant_id,
            created_by: creator.user,
            created_at: now,
            password,
            waiting_room: body.waiting_room.unwrap_or_default(),
            guest_access: body.guest_access.unwrap_or_default(),
            e2e_encryption,
            sip: !e2e_encryption && takes_calls(state, &tariff),
        },
        event: NewEvent {
            id: Uuid::new_v4(),
            tenant_id: user.tenant_id,
            room_id,
            created_by: creator.user,
            created_at: now,
            title: body.title,
            description: body.description,
            is_adhoc: body.is_adhoc.unwrap_or_default(),
            times: schedule.times,
            recurrence: schedule.recurrence,
            series_ends_at: schedule.series_ends_at,
            show_meeting_details: shows_details,
            training_report,
        },
        streaming_targets,
        folder: None,
        invite: shows_details.then(|| events::lasting_invite(room_id, creator)),
    })
}

fn times(body: &CreateEventBody) -> TimesInBody<'_> {
    TimesInBody {
        is_time_independent: Some(body.is_time_independent),
        is_all_day: body.is_all_day,
        starts_at: body.starts_at.as_ref(),
        ends_at: body.ends_at.as_ref(),
        recurrence_pattern: body.recurrence_pattern.as_deref(),
    }
}

async fn own_tariff(state: &ApiState, user: Uuid) -> Result<Tariff, ApiError> {
    let tariff = store::tariffs::of_user(&state.db, user).await?;
    tariff.ok_or_else(|| ApiError::not_found("The account is gone"))
}

/// Whether rooms of new events can be reached by telephone: the operator wants it, and the creator's tariff allows it.
fn takes_calls(state: &ApiState, tariff: &Tariff) -> bool {
    let call_in = &state.config.call_in;
    let is_wanted = call_in.for_new_events && call_in.tel.is_some();
    is_wanted && TariffResource::new(tariff, &state.offer).allows(CORE, CALL_IN)
}
