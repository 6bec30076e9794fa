//! Where meetings of a room are streamed to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Db, Listed, StoreError, Tx, Window, micros,
    rows::{Columns, count, from_columns},
};
use crate::secrets::Secret;

/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 255;

/// Characters of a URL.
pub const URL_CHARS_MAX: usize = 2_048;

/// Characters of a streaming key.
pub const KEY_CHARS_MAX: usize = 1_024;

/// Targets of one room.
pub const PER_ROOM_MAX: u64 = 100;

/// The one kind there is: whatever takes RTMP or the like.
const KIND: &str = "custom";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingTarget {
    pub id: Uuid,
    pub name: String,
    pub streaming_endpoint: String,
    /// Whoever knows it can stream there.
    pub streaming_key: Secret,
    /// Where viewers look.
    pub public_url: String,
}

/// What everybody may know of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicTarget {
    pub id: Uuid,
    pub name: String,
    /// Where viewers look.
    pub public_url: String,
}

impl PublicTarget {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            name: row.col("name")?,
            public_url: row.col("public_url")?,
        })
    }
}

/// What a new target is made of.
#[derive(Debug, Clone)]
pub struct NewStreamingTarget {
    pub id: Uuid,
    pub room_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub name: String,
    pub streaming_endpoint: String,
    pub streaming_key: Secret,
    pub public_url: String,
}

/// What changes of a target; `None` keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamingTargetChange {
    pub name: Option<String>,
    pub streaming_endpoint: Option<String>,
    pub streaming_key: Option<Secret>,
    pub public_url: Option<String>,
}

/// What [`create`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    Target(StreamingTarget),
    /// The room has [`PER_ROOM_MAX`] already.
    TooMany,
    RoomIsGone,
}

macro_rules! target_columns {
    () => {
        "id, name, streaming_endpoint, streaming_key, public_url"
    };
}

impl StreamingTarget {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            name: row.col("name")?,
            streaming_endpoint: row.col("streaming_endpoint")?,
            streaming_key: Secret::new(row.col::<String>("streaming_key")?),
            public_url: row.col("public_url")?,
        })
    }
}

impl NewStreamingTarget {
    /// Whether it would be the same as this one, but for its id.
    #[must_use]
    pub fn makes(&self, known: &StreamingTarget) -> bool {
        self.name == known.name
            && self.streaming_endpoint == known.streaming_endpoint
            && self.streaming_key == known.streaming_key
            && self.public_url == known.public_url
    }
}

/// A target, and whose it is.
struct OfRoom {
    room_id: Uuid,
    target: StreamingTarget,
}

impl OfRoom {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            room_id: row.col("room_id")?,
            target: StreamingTarget::read(row)?,
        })
    }
}
from_columns!(StreamingTarget, PublicTarget, OfRoom);

/// The targets of a room in the order of their creation.
pub async fn list(db: &Db, room: Uuid, window: Window) -> Result<Listed<StreamingTarget>, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM streaming_targets WHERE room_id = $1";
    const SELECT: &str = concat!(
        "SELECT ",
        target_columns!(),
        " FROM streaming_targets WHERE room_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3"
    );
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(room).fetch_one(c).await)?;
    let rows = read!(db, c => sqlx::query_as(SELECT)
        .bind(room)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows,
        total: count(total),
    })
}

/// What everybody may know of all targets of a room, in the order of their creation.
pub async fn public(db: &Db, room: Uuid) -> Result<Vec<PublicTarget>, StoreError> {
    const SELECT: &str = "SELECT id, name, public_url FROM streaming_targets WHERE room_id = $1
        ORDER BY created_at, id";
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_all(c).await)?)
}

/// How many characters the targets of each of these rooms (at most some hundred) have in all; those without any are not named.
pub async fn sizes(db: &Db, rooms: &[Uuid]) -> Result<HashMap<Uuid, u64>, StoreError> {
    const SELECT: &str = "SELECT room_id, CAST(sum(length(name) + COALESCE(length(streaming_endpoint), 0)
        + COALESCE(length(streaming_key), 0) + COALESCE(length(public_url), 0)) AS bigint)
        FROM streaming_targets WHERE room_id IN (";
    if rooms.is_empty() {
        return Ok(HashMap::new());
    }
    let sizes: Vec<(Uuid, i64)> = read!(db, c => {
        let mut select = sqlx::QueryBuilder::new(SELECT);
        push_ids!(select, rooms);
        select.push(") GROUP BY room_id").build_query_as().fetch_all(c).await
    })?;
    Ok(sizes
        .into_iter()
        .map(|(room, chars)| (room, count(chars)))
        .collect())
}

/// The targets of each of these rooms in the order of their creation, by one query. Rooms without any are absent.
pub async fn of_rooms(db: &Db, rooms: &[Uuid]) -> Result<HashMap<Uuid, Vec<StreamingTarget>>, StoreError> {
    const BEGIN: &str = concat!(
        "SELECT room_id, ",
        target_columns!(),
        " FROM streaming_targets WHERE room_id IN ("
    );
    let mut found: HashMap<Uuid, Vec<StreamingTarget>> = HashMap::new();
    if rooms.is_empty() {
        return Ok(found);
    }
    let rows: Vec<OfRoom> = read!(db, c => {
        let mut select = sqlx::QueryBuilder::new(BEGIN);
        push_ids!(select, rooms);
        select
            .push(") ORDER BY room_id, created_at, id")
            .build_query_as()
            .fetch_all(c)
            .await
    })?;
    for OfRoom { room_id, target } in rows {
        found.entry(room_id).or_default().push(target);
    }
    Ok(found)
}

/// The targets of a room in the order of their creation, inside a transaction.
pub async fn of_room(tx: &mut Tx, room: Uuid) -> Result<Vec<StreamingTarget>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        target_columns!(),
        " FROM streaming_targets WHERE room_id = $1 ORDER BY created_at, id"
    );
    Ok(within!(tx, c => sqlx::query_as(SELECT).bind(room).fetch_all(c).await)?)
}

/// The target of this room.
pub async fn get(db: &Db, room: Uuid, id: Uuid) -> Result<Option<StreamingTarget>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        target_columns!(),
        " FROM streaming_targets WHERE room_id = $1 AND id = $2"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(room).bind(id).fetch_optional(c).await)?)
}

/// Adds a target to a room.
pub async fn create(db: &Db, new: NewStreamingTarget) -> Result<Created, StoreError> {
    let created = db.transaction(move |tx| {
        Box::pin(async move {
            if !lock_room(tx, new.room_id).await? {
                return Ok(Created::RoomIsGone);
            }
            if count_of(tx, new.room_id).await? >= PER_ROOM_MAX {
                return Ok(Created::TooMany);
            }
            insert(tx, new).await.map(Created::Target)
        })
    });
    created.await
}

/// So that two at once can't both take the last place.
async fn lock_room(tx: &mut Tx, room: Uuid) -> Result<bool, StoreError> {
    const LOCK: &str = "UPDATE rooms SET id = id WHERE id = $1";
    let locked = within!(tx, c => sqlx::query(LOCK)
        .bind(room)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(locked == 1)
}

async fn count_of(tx: &mut Tx, room: Uuid) -> Result<u64, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM streaming_targets WHERE room_id = $1";
    let total = within!(tx, c => sqlx::query_scalar(COUNT).bind(room).fetch_one(c).await)?;
    Ok(count(total))
}

/// As [`create`], in the transaction of what else belongs to the room, which must exist.
pub async fn insert(tx: &mut Tx, new: NewStreamingTarget) -> Result<StreamingTarget, StoreError> {
    const INSERT: &str = concat!(
        "INSERT INTO streaming_targets
         (id, room_id, created_at, name, kind, streaming_endpoint, streaming_key, public_url)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ",
        target_columns!()
    );
    Ok(within!(tx, c => sqlx::query_as(INSERT)
        .bind(new.id)
        .bind(new.room_id)
        .bind(micros(new.created_at))
        .bind(new.name)
        .bind(KIND)
        .bind(new.streaming_endpoint)
        .bind(new.streaming_key.reveal())
        .bind(new.public_url)
        .fetch_one(c)
        .await)?)
}

/// Changes a target. `None` when the room has no such.
pub async fn update(
    db: &Db,
    room: Uuid,
    id: Uuid,
    change: StreamingTargetChange,
) -> Result<Option<StreamingTarget>, StoreError> {
    const UPDATE: &str = concat!(
        "UPDATE streaming_targets SET name = COALESCE($3, name),
         streaming_endpoint = COALESCE($4, streaming_endpoint), streaming_key = COALESCE($5, streaming_key),
         public_url = COALESCE($6, public_url) WHERE room_id = $1 AND id = $2 RETURNING ",
        target_columns!()
    );
    db.transaction(move |tx| {
        Box::pin(async move {
            Ok(within!(tx, c => sqlx::query_as(UPDATE)
                .bind(room)
                .bind(id)
                .bind(change.name)
                .bind(change.streaming_endpoint)
                .bind(change.streaming_key.as_ref().map(Secret::reveal))
                .bind(change.public_url)
                .fetch_optional(c)
                .await)?)
        })
    })
    .await
}

/// Removes a target. Whether the room had it.
pub async fn delete(db: &Db, room: Uuid, id: Uuid) -> Result<bool, StoreError> {
    const DELETE: &str = "DELETE FROM streaming_targets WHERE room_id = $1 AND id = $2";
    db.transaction(move |tx| {
        Box::pin(async move {
            let deleted = within!(tx, c => sqlx::query(DELETE)
                .bind(room)
                .bind(id)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(deleted == 1)
        })
    })
    .await
}

/// Removes all targets of a room.
pub async fn remove_all(tx: &mut Tx, room: Uuid) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM streaming_targets WHERE room_id = $1";
    within!(tx, c => sqlx::query(DELETE).bind(room).execute(c).await.map(drop))?;
    Ok(())
}
