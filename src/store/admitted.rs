//! Who of those whom a meeting knows may still come into its room.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Db, IDS_PER_QUERY, StoreError,
    guest_access::GuestAccess,
    relations::{invitation_to_room, standing},
    rows::{Columns, from_columns},
};
use crate::permissions::Standing;

/// How each of these users who is not locked out stands to a room. Who is not here any more is left out.
pub async fn users(db: &Db, room: Uuid, users: &[Uuid]) -> Result<Vec<(Uuid, Standing)>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT u.id, ",
        standing!("r", "u.id"),
        " FROM users u CROSS JOIN rooms r",
        invitation_to_room!("u.id"),
        " WHERE u.disabled_at IS NULL AND u.id IN ("
    );
    let mut found = Vec::with_capacity(users.len());
    for some in users.chunks(IDS_PER_QUERY) {
        let rows: Vec<(Uuid, String)> = read!(db, c => {
            let mut query = QueryBuilder::new(SELECT);
            push_ids!(query, some);
            query.push(") AND r.id = ").push_bind(room).build_query_as().fetch_all(c).await
        })?;
        let rows = rows.into_iter();
        found.extend(rows.map(|(user, standing)| (user, Standing::parse(&standing))));
    }
    Ok(found)
}

/// Which of these users are locked out.
pub async fn disabled(db: &Db, users: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    const SELECT: &str = "SELECT id FROM users WHERE disabled_at IS NOT NULL AND id IN (";
    let mut found = Vec::new();
    for some in users.chunks(IDS_PER_QUERY) {
        let rows: Vec<Uuid> = read!(db, c => {
            let mut query = QueryBuilder::new(SELECT);
            push_ids!(query, some);
            query.push(")").build_query_scalar().fetch_all(c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

/// Which of these codes lead into a room, or did until their address became a user's, whose invitation stands: those of its invites
/// that nobody has withdrawn, whether or not their time is over, and those of invited addresses.
pub async fn codes(db: &Db, room: Uuid, codes: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    const SELECT: &str = "SELECT c.code FROM (
            SELECT code, room_id FROM invites WHERE active
            UNION ALL
            SELECT i.invite_code, e.room_id FROM event_invites i JOIN events e ON e.id = i.event_id
            UNION ALL
            SELECT i.former_code, e.room_id FROM event_invites i JOIN events e ON e.id = i.event_id
        ) c WHERE c.code IN (";
    let mut found = Vec::with_capacity(codes.len());
    for some in codes.chunks(IDS_PER_QUERY) {
        let rows: Vec<Uuid> = read!(db, c => {
            let mut query = QueryBuilder::new(SELECT);
            push_ids!(query, some);
            query.push(") AND c.room_id = ").push_bind(room).build_query_scalar().fetch_all(c).await
        })?;
        found.extend(rows);
    }
    Ok(found)
}

struct OfGuests(GuestAccess);

impl OfGuests {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self(GuestAccess::read(row)?))
    }
}
from_columns!(OfGuests);

/// How a room takes people who come by a link. `None` when there is none.
pub async fn guests(db: &Db, room: Uuid) -> Result<Option<GuestAccess>, StoreError> {
    const SELECT: &str = "SELECT guest_access AS room_guest_access FROM rooms WHERE id = $1";
    let found: Option<OfGuests> = read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?;
    Ok(found.map(|OfGuests(access)| access))
}
