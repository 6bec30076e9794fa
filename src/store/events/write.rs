//! Creating, changing and deleting events. All of it runs in the transaction of what else belongs to it.

use chrono::{DateTime, Utc};
use colloquy_calendar::recurrence::Recurrence;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Event, SeenEvent, Times, TrainingReport, patterns, relation::SEEN_BY_ID};
use crate::{
    quotas::Quota,
    store::{
        StoreError, Tx,
        invites::Editor,
        micros,
        rows::count,
        usage::{Limits, QuotaError},
    },
};

/// What a new event is made of. Its room must exist.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub room_id: Uuid,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub title: String,
    pub description: String,
    pub is_adhoc: bool,
    /// Of the first occurrence; `None`: the event is time-independent.
    pub times: Option<Times>,
    /// Empty: a single event.
    pub recurrence: Recurrence,
    /// When the last occurrence ends; `None`: never, or time-independent.
    pub series_ends_at: Option<DateTime<Utc>>,
    pub show_meeting_details: bool,
    pub training_report: Option<TrainingReport>,
}

/// Refuses another event of somebody who has as many as there may be. The user's row must be taken by this transaction.
pub async fn one_more(tx: &mut Tx, creator: Uuid, limits: &Limits) -> Result<(), QuotaError> {
    const COUNT: &str = "SELECT count(*) FROM events WHERE created_by = $1";
    if limits.of(Quota::EventsMax).is_some() {
        let events = within!(tx, c => sqlx::query_scalar(COUNT).bind(creator).fetch_one(c).await)?;
        limits.one_more(Quota::EventsMax, count(events))?;
    }
    Ok(())
}

/// Creates an event.
pub async fn insert(tx: &mut Tx, new: &NewEvent) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO events
        (id, tenant_id, room_id, created_by, created_at, updated_by, updated_at, title, description, is_adhoc,
         is_all_day, starts_at, starts_at_tz, ends_at, ends_at_tz, recurrence, series_ends_at,
         show_meeting_details, training_participation_report, recurrence_form, starts_at_skipped)
        VALUES ($1, $2, $3, $4, $5, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
    let times = new.times.as_ref();
    within!(tx, c => sqlx::query(INSERT)
        .bind(new.id)
        .bind(new.tenant_id)
        .bind(new.room_id)
        .bind(new.created_by)
        .bind(micros(new.created_at))
        .bind(&new.title)
        .bind(&new.description)
        .bind(new.is_adhoc)
        .bind(times.map(|times| times.is_all_day))
        .bind(times.map(|times| micros(times.starts_at.at)))
        .bind(times.map(|times| times.starts_at.zone.name()))
        .bind(times.map(|times| micros(times.ends_at.at)))
        .bind(times.map(|times| times.ends_at.zone.name()))
        .bind(lines(&new.recurrence))
        .bind(new.series_ends_at.map(micros))
        .bind(new.show_meeting_details)
        .bind(new.training_report.map(Json))
        .bind(patterns::FORM)
        .bind(times.and_then(|times| times.skipped_start))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The event as `user` sees it, locked until the end of the transaction.
pub async fn locked(tx: &mut Tx, user: Uuid, event: Uuid) -> Result<Option<SeenEvent>, StoreError> {
    const LOCK: &str = "UPDATE events SET updated_at = updated_at WHERE id = $1";
    within!(&mut *tx, c => sqlx::query(LOCK).bind(event).execute(c).await.map(drop))?;
    Ok(within!(tx, c => sqlx::query_as(SEEN_BY_ID).bind(user).bind(event).fetch_optional(c).await)?)
}

/// Writes everything of an event that changes, and raises its revision. Its row must be locked by this transaction.
pub async fn save(tx: &mut Tx, event: &Event, editor: Editor) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE events SET
        updated_by = $2, updated_at = $3, title = $4, description = $5, is_adhoc = $6, is_all_day = $7,
        starts_at = $8, starts_at_tz = $9, ends_at = $10, ends_at_tz = $11, recurrence = $12, series_ends_at = $13,
        show_meeting_details = $14, training_participation_report = $15, recurrence_form = $16,
        starts_at_skipped = $17, revision = revision + 1
        WHERE id = $1";
    let times = event.times.as_ref();
    within!(tx, c => sqlx::query(UPDATE)
        .bind(event.id)
        .bind(editor.user)
        .bind(micros(editor.at))
        .bind(&event.title)
        .bind(&event.description)
        .bind(event.is_adhoc)
        .bind(times.map(|times| times.is_all_day))
        .bind(times.map(|times| micros(times.starts_at.at)))
        .bind(times.map(|times| times.starts_at.zone.name()))
        .bind(times.map(|times| micros(times.ends_at.at)))
        .bind(times.map(|times| times.ends_at.zone.name()))
        .bind(lines(&event.recurrence))
        .bind(event.series_ends_at.map(micros))
        .bind(event.show_meeting_details)
        .bind(event.training_report.map(Json))
        .bind(patterns::FORM)
        .bind(times.and_then(|times| times.skipped_start))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Counts a change that calendars are told of but that stands in no column of the event, e.g. of one occurrence.
pub async fn raise_revision(tx: &mut Tx, event: Uuid) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE events SET revision = revision + 1 WHERE id = $1";
    within!(tx, c => sqlx::query(UPDATE).bind(event).execute(c).await.map(drop))?;
    Ok(())
}

/// Notes when the first occurrence of a series begins, where one was moved before its start.
pub async fn set_series_start(tx: &mut Tx, event: Uuid) -> Result<(), StoreError> {
    const UPDATE: &str =
        "UPDATE events SET series_starts_at = (SELECT min(x.starts_at) FROM event_exceptions x
        WHERE x.event_id = events.id AND x.status = 'ok' AND x.starts_at < events.starts_at) WHERE id = $1";
    within!(tx, c => sqlx::query(UPDATE).bind(event).execute(c).await.map(drop))?;
    Ok(())
}

/// Moves the end of a series: `last_end` of its rule, or of an occurrence that was moved beyond it.
pub async fn set_series_end(
    tx: &mut Tx,
    event: Uuid,
    last_end: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    const LATEST: &str =
        "SELECT max(ends_at) FROM event_exceptions WHERE event_id = $1 AND status = 'ok' AND ends_at > $2";
    const UPDATE: &str = "UPDATE events SET series_ends_at = $2 WHERE id = $1";
    let mut end = last_end.map(micros);
    if end.is_some() {
        let moved: Option<DateTime<Utc>> =
            within!(&mut *tx, c => sqlx::query_scalar(LATEST).bind(event).bind(end).fetch_one(c).await)?;
        end = moved.or(end);
    }
    within!(tx, c => sqlx::query(UPDATE).bind(event).bind(end).execute(c).await.map(drop))?;
    Ok(())
}

/// Deletes an event with its exceptions, invitations and favourites, but not its room. Whether there was one.
pub async fn delete(tx: &mut Tx, event: Uuid) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM events WHERE id = $1";
    let deleted = within!(tx, c => sqlx::query(DELETE)
        .bind(event)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(deleted == 1)
}

fn lines(recurrence: &Recurrence) -> Option<Json<&Recurrence>> {
    (!recurrence.is_empty()).then_some(Json(recurrence))
}
