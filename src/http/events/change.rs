//! `PATCH /v1/events/{event_id}`.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    answers::{changed, notifier},
    bodies::{TimesInBody, check_report, check_texts, checked_password, checked_targets, kept_report},
    date_time::DateTimeTz,
    folders,
    queries::ChangeQuery,
    resource::EventResource,
    shown,
};
use crate::{
    catalogue::TRAINING_REPORT,
    events::{self, EventChange, Notifier},
    http::{
        ApiError, ApiState,
        auth::CurrentUser,
        body::Body,
        checks::Checks,
        params::{InPath, InQuery},
        refusals, rooms,
        shared_folders::{require_provider, tell_room},
        streaming_targets::{self, CreateStreamingTargetBody},
    },
    mail::Told,
    permissions::Operation,
    store::{
        self,
        events::{SeenEvent, TrainingReport},
        guest_access::GuestAccess,
        invites::Editor,
        rooms::RoomChange,
    },
    text::composed,
};

/// What changes of an event; what is absent stays, and what is null too, unless null is a value.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeEventBody {
    #[schema(max_length = 255)]
    title: Option<String>,
    #[schema(max_length = 4096)]
    description: Option<String>,
    /// Of the room. Null removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    password: store::Change<String>,
    waiting_room: Option<bool>,
    /// Of the room: how people come in who have a link. A meeting that runs goes by it from now on.
    guest_access: Option<GuestAccess>,
    e2e_encryption: Option<bool>,
    is_adhoc: Option<bool>,
    /// True takes the times away.
    is_time_independent: Option<bool>,
    is_all_day: Option<bool>,
    starts_at: Option<DateTimeTz>,
    ends_at: Option<DateTimeTz>,
    /// An empty list makes a single event of a series.
    recurrence_pattern: Option<Vec<String>>,
    /// Needs a storage provider: 400 where this server has none.
    has_shared_folder: Option<bool>,
    /// Takes the place of all targets.
    streaming_targets: Option<Vec<CreateStreamingTargetBody>>,
    show_meeting_details: Option<bool>,
    /// Null removes it.
    #[serde(default)]
    #[schema(value_type = Option<TrainingReport>)]
    training_participation_report: store::Change<TrainingReport>,
}

/// Change an event
///
/// A series with another start or pattern, or without any, loses its exceptions; nothing else touches them. With
/// `is_time_independent: false` and both times, an event without a `recurrence_pattern` is a single one.
#[utoipa::path(
    patch, path = "/events/{event_id}", tag = "events", operation_id = "change_event",
    params(("event_id" = Uuid, Path), ChangeQuery), request_body = ChangeEventBody, security(("BearerAuth" = [])),
    responses(
        (status = 200, description = "The event as it is now", body = EventResource,
         headers(("x-colloquy-mail" = Option<String>, description = "`limited`: not all invitees are told"))),
        (status = 502, description = "The storage provider is of no use", body = crate::http::error::ErrorBody),
        refusals::OfCallers, refusals::OfIds, refusals::OfBodies, refusals::Always,
    ),
)]
pub(super) async fn change(
    State(state): State<ApiState>,
    CurrentUser(user): CurrentUser,
    InPath(event): InPath<Uuid>,
    InQuery(query): InQuery<ChangeQuery>,
    Body(body): Body<ChangeEventBody>,
) -> Result<Response, ApiError> {
    let editor = Editor {
        user: user.profile.id,
        at: state.clock.now(),
    };
    let wants_folder = body.has_shared_folder;
    let mut change = checked(body, editor.at)?;
    let seen = shown::seen(&state, &user, event, Operation::ChangeEvent).await?;
    if let store::Change::Set(report) = change.training_report {
        let has_module = state.offer.has_module(TRAINING_REPORT, &seen.tariff);
        let kept = kept_report(has_module, Some(report));
        change.training_report = kept.map_or(store::Change::Clear, store::Change::Set);
    }
    let notifier = notifier(&state, query.suppress_email_notification);
    let own = state.clone();
    // To its end even when the client has gone: a folder without an event would stay behind.
    let applied =
        store::unbroken(async move { apply(&own, seen, change, wants_folder, editor, notifier).await });
    let (seen, told) = applied.await?;
    let shown = shown::event(&state, seen, query.invitees_max).await?;
    Ok(changed(shown, told))
}

async fn apply(
    state: &ApiState,
    mut seen: SeenEvent,
    mut change: EventChange,
    wants_folder: Option<bool>,
    editor: Editor,
    notifier: Notifier,
) -> Result<(SeenEvent, Told), ApiError> {
    let (event, mut told) = (seen.event.id, Told::Everybody);
    if wants_folder.is_some_and(|wants| wants != seen.folder.is_some()) {
        require_provider(state)?;
    }
    let makes_folder = wants_folder == Some(true) && seen.folder.is_none();
    change.folder = folders::made(state, event, makes_folder).await?;
    if !change.is_empty() {
        let (folder, guest_access) = (change.folder.clone(), change.room.guest_access);
        let has_made = folder.is_some();
        let has_targets = change.streaming_targets.is_some();
        let changed = events::change(&state.db, &seen.event, change, editor, notifier).await;
        let changed = changed.map(|changed| {
            told = changed.told;
            changed.seen
        });
        seen = folders::settled(state, folder, changed).await?;
        rooms::tell_guest_access(&state.live, seen.room.id, guest_access);
        if has_made {
            tell_room(state, event).await;
        }
        if has_targets {
            streaming_targets::tell_meeting(&state.live, seen.room.id);
        }
    }
    // At last: it can't be undone.
    if wants_folder == Some(false) {
        state.deleter().folder(event, false).await?;
        tell_room(state, event).await;
        seen.folder = None;
    }
    Ok((seen, told))
}

fn checked(body: ChangeEventBody, now: DateTime<Utc>) -> Result<EventChange, ApiError> {
    let mut checks = Checks::default();
    let times = TimesInBody {
        is_time_independent: body.is_time_independent,
        is_all_day: body.is_all_day,
        starts_at: body.starts_at.as_ref(),
        ends_at: body.ends_at.as_ref(),
        recurrence_pattern: body.recurrence_pattern.as_deref(),
    };
    let schedule = times.checked(&mut checks);
    let (title, description) = (body.title.map(composed), body.description.map(composed));
    check_texts(&mut checks, title.as_deref(), description.as_deref());
    check_report(&mut checks, body.training_participation_report.value());
    let password = body
        .password
        .try_map(|password| Ok::<_, ApiError>(checked_password(&mut checks, password)))?;
    let targets = body.streaming_targets;
    // The room is known when the event was found.
    let streaming_targets = targets.map(|targets| checked_targets(&mut checks, targets, Uuid::nil(), now));
    checks.finish()?;
    Ok(EventChange {
        title,
        description,
        is_adhoc: body.is_adhoc,
        schedule,
        show_meeting_details: body.show_meeting_details,
        training_report: body.training_participation_report,
        room: RoomChange {
            password,
            waiting_room: body.waiting_room,
            guest_access: body.guest_access,
            e2e_encryption: body.e2e_encryption,
        },
        streaming_targets,
        folder: None,
    })
}
