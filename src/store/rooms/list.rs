//! Lists of rooms.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Room;
use crate::{
    secrets::Secret,
    store::{
        Db, Listed, NewestFirst, StoreError,
        guest_access::GuestAccess,
        rows::{Columns, count, from_columns},
        users::{self, Profile},
    },
};

/// The rooms of others to whose events user `$1` is invited, within the user's tenant, as `r`. (Written with an equals sign, the
/// tenant would lead SQLite to look through all of its rooms.)
macro_rules! rooms_by_invitation {
    () => {
        "event_invites ei JOIN events e ON e.id = ei.event_id JOIN rooms r ON r.id = e.room_id
         WHERE ei.user_id = $1 AND r.created_by <> $1
         AND NOT (r.tenant_id <> (SELECT tenant_id FROM users WHERE id = $1))"
    };
}

/// How many rooms user `$1` owns or is invited to, of those that there were at `$2`.
macro_rules! number_of_rooms {
    () => {
        concat!(
            "(SELECT count(*) FROM rooms WHERE created_by = $1 AND created_at <= $2) + (SELECT count(*) FROM ",
            rooms_by_invitation!(),
            " AND r.created_at <= $2)"
        )
    };
}

/// A room of a list without its owner, and how many rooms the list has.
struct OfAll {
    id: Uuid,
    tenant_id: Uuid,
    created_by: Uuid,
    created_at: DateTime<Utc>,
    password: Option<String>,
    waiting_room: bool,
    guest_access: GuestAccess,
    e2e_encryption: bool,
    total: i64,
}

impl OfAll {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            tenant_id: row.col("tenant_id")?,
            created_by: row.col("created_by")?,
            created_at: row.col("created_at")?,
            password: row.col("password")?,
            waiting_room: row.col("waiting_room")?,
            guest_access: GuestAccess::read(row)?,
            e2e_encryption: row.col("e2e_encryption")?,
            total: row.col("total")?,
        })
    }

    fn with(self, owner: Profile) -> Room {
        Room {
            id: self.id,
            tenant_id: self.tenant_id,
            created_by: owner,
            created_at: self.created_at,
            password: self.password.map(Secret::new),
            waiting_room: self.waiting_room,
            guest_access: self.guest_access,
            e2e_encryption: self.e2e_encryption,
        }
    }
}
from_columns!(OfAll);

/// The rooms that `user` owns or is invited to, newest first.
pub async fn list(
    db: &Db,
    user: &Profile,
    asked: impl Into<NewestFirst>,
) -> Result<Listed<Room>, StoreError> {
    // Both databases merge the two parts, of which the index gives the own rooms, which may be many, in order and no further than the page
    // needs. Nearly all rows have the same owner, whose columns would be as many as the room's. What the join gives is put in order
    // here: SQLite would sort whole rows once more.
    const SELECT: &str = concat!(
        "SELECT r.id, r.tenant_id, r.created_by, r.created_at, r.password, r.waiting_room,
         r.guest_access AS room_guest_access, r.e2e_encryption, ",
        number_of_rooms!(),
        " AS total FROM (SELECT id, created_at FROM rooms WHERE created_by = $1 AND created_at <= $2
             UNION ALL SELECT r.id, r.created_at FROM ",
        rooms_by_invitation!(),
        " AND r.created_at <= $2 ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4) seen JOIN rooms r ON r.id = seen.id"
    );
    const COUNT: &str = concat!("SELECT ", number_of_rooms!());
    let NewestFirst { window, as_of } = asked.into();
    let mut rows: Vec<OfAll> = read!(db, c => sqlx::query_as(SELECT)
        .bind(user.id)
        .bind(as_of)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    rows.sort_unstable_by_key(|room| Reverse((room.created_at, room.id)));
    // Beyond the last page no row says how many there are.
    let total = match rows.first() {
        Some(row) => row.total,
        None if window.offset() == 0 => 0,
        None => read!(db, c => sqlx::query_scalar(COUNT).bind(user.id).bind(as_of).fetch_one(c).await)?,
    };
    let owners = owners(db, user, &rows).await?;
    // Whose owner is not there was deleted meanwhile.
    let rooms = rows.into_iter().filter_map(|room| {
        let owner = owners.get(&room.created_by)?.clone();
        Some(room.with(owner))
    });
    Ok(Listed {
        rows: rooms.collect(),
        total: count(total),
    })
}

/// The owners of these rooms; `user`, who is nearly always the only one, is known already.
async fn owners(db: &Db, user: &Profile, rooms: &[OfAll]) -> Result<HashMap<Uuid, Profile>, StoreError> {
    let others = rooms.iter().map(|room| room.created_by);
    let others: HashSet<Uuid> = others.filter(|owner| *owner != user.id).collect();
    let mut owners = users::profiles(db, others).await?;
    owners.insert(user.id, user.clone());
    Ok(owners)
}
