//! Reading invitations.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::EventInvite;
use crate::store::{
    Db, Listed, StoreError, Window,
    events::InviteStatus,
    micros,
    rows::{Columns, count, from_columns},
    users::profile_columns,
};

/// The first invitees of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invitees {
    pub list: Vec<EventInvite>,
    /// Whether there are more.
    pub truncated: bool,
}

/// Columns of an invitation for a query that calls the tables `i` and, joined from the left, `u`.
macro_rules! invite_columns {
    () => {
        concat!(
            "i.event_id, i.email, i.firstname, i.lastname, i.role, i.status, ",
            profile_columns!("u")
        )
    };
}

/// The invitees of an event with one of these statuses, none for any, in the order of their invitation.
pub async fn list(
    db: &Db,
    event: Uuid,
    statuses: &[InviteStatus],
    window: Window,
) -> Result<Listed<EventInvite>, StoreError> {
    const COUNT: &str =
        "SELECT count(*) FROM event_invites WHERE event_id = $1 AND status IN ($2, $3, $4, $5)";
    const SELECT: &str = concat!(
        "SELECT ",
        invite_columns!(),
        " FROM event_invites i LEFT JOIN users u ON u.id = i.user_id
         WHERE i.event_id = $1 AND i.status IN ($2, $3, $4, $5)
         ORDER BY i.created_at, i.id LIMIT $6 OFFSET $7"
    );
    let [a, b, c, d] = InviteStatus::ALL.map(|status| {
        let wanted = statuses.is_empty() || statuses.contains(&status);
        if wanted { status.as_str() } else { "" }
    });
    let total = read!(db, pool => sqlx::query_scalar(COUNT)
        .bind(event)
        .bind(a)
        .bind(b)
        .bind(c)
        .bind(d)
        .fetch_one(pool)
        .await)?;
    let rows = read!(db, pool => sqlx::query_as(SELECT)
        .bind(event)
        .bind(a)
        .bind(b)
        .bind(c)
        .bind(d)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(pool)
        .await)?;
    Ok(Listed {
        rows,
        total: count(total),
    })
}

/// An invitation and its place among those of its event, from 1.
struct Placed {
    invite: EventInvite,
    place: i64,
}

impl Placed {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            invite: EventInvite::read(row)?,
            place: row.col("place")?,
        })
    }
}
from_columns!(Placed);

/// The first `max_each` invitees of each of these events, by one query. Events without any are absent.
pub async fn of_events(
    db: &Db,
    events: &[Uuid],
    max_each: u32,
) -> Result<HashMap<Uuid, Invitees>, StoreError> {
    const BEGIN: &str = concat!(
        "SELECT ",
        invite_columns!(),
        ", i.place FROM (SELECT id, event_id, user_id, email, firstname, lastname, role, status,
         row_number() OVER (PARTITION BY event_id ORDER BY created_at, id) AS place
         FROM event_invites WHERE event_id IN ("
    );
    let mut found: HashMap<Uuid, Invitees> = HashMap::new();
    if events.is_empty() {
        return Ok(found);
    }
    if max_each == 0 {
        for event in with_invitees(db, events).await? {
            found.entry(event).or_default().truncated = true;
        }
        return Ok(found);
    }
    let max_each = i64::from(max_each);
    let rows: Vec<Placed> = read!(db, pool => {
        let mut select = QueryBuilder::new(BEGIN);
        push_ids!(select, events);
        select
            .push(")) i LEFT JOIN users u ON u.id = i.user_id WHERE i.place <= ")
            .push_bind(max_each + 1)
            .push(" ORDER BY i.event_id, i.place")
            .build_query_as()
            .fetch_all(pool)
            .await
    })?;
    for Placed { invite, place } in rows {
        let invitees = found.entry(invite.event_id).or_default();
        if place > max_each {
            invitees.truncated = true;
        } else {
            invitees.list.push(invite);
        }
    }
    Ok(found)
}

/// Those of these events that have invitees: nobody is looked at but one of each.
async fn with_invitees(db: &Db, events: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    Ok(read!(db, pool => {
        let mut select = QueryBuilder::new("SELECT e.id FROM events e WHERE e.id IN (");
        push_ids!(select, events);
        select
            .push(") AND EXISTS (SELECT 1 FROM event_invites i WHERE i.event_id = e.id)")
            .build_query_scalar()
            .fetch_all(pool)
            .await
    })?)
}

/// How many invitations to events that have not ended the user has not answered.
pub async fn pending(db: &Db, user: Uuid, now: DateTime<Utc>) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM event_invites i JOIN events e ON e.id = i.event_id
        JOIN users u ON u.id = i.user_id AND u.tenant_id = e.tenant_id
        WHERE i.user_id = $1 AND i.status = $2 AND (e.series_ends_at IS NULL OR e.series_ends_at > $3)";
    let total = read!(db, pool => sqlx::query_scalar(COUNT)
        .bind(user)
        .bind(InviteStatus::Pending.as_str())
        .bind(micros(now))
        .fetch_one(pool)
        .await)?;
    Ok(count(total))
}
