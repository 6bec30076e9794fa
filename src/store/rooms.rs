//! Rooms: places for meetings, each owned by a user.

mod list;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    Change, Db, IDS_PER_QUERY, StoreError, Tx, assets,
    events::EventRoom,
    guest_access::GuestAccess,
    micros,
    relations::{invitation_to_room, standing},
    room_events::{self, RoomEvent},
    rows::{Columns, count, from_columns},
    shared_folders::{self, SharedFolder},
    sip_configs,
    streaming_targets::{self, PublicTarget},
    tariffs::{Tariff, tariff_columns},
    usage::{self, Limits, QuotaError},
    users::{Profile, profile_columns},
};
use crate::{
    permissions::Standing,
    quotas::{Quota, Quotas},
    secrets::Secret,
};

pub use list::list;

/// Characters of a room's password.
pub const PASSWORD_CHARS_MAX: usize = 255;

/// How exactly it is known when a room was used: beginning a meeting writes nothing but once a day.
pub const USED_AT_PRECISION: TimeDelta = TimeDelta::days(1);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub created_by: Profile,
    pub created_at: DateTime<Utc>,
    pub password: Option<Secret>,
    pub waiting_room: bool,
    pub guest_access: GuestAccess,
    pub e2e_encryption: bool,
}

/// What a new room is made of.
#[derive(Debug, Clone)]
pub struct NewRoom {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub password: Option<Secret>,
    pub waiting_room: bool,
    pub guest_access: GuestAccess,
    pub e2e_encryption: bool,
    /// Whether the room can be reached by telephone.
    pub sip: bool,
}

/// What changes of a room; `None` keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomChange {
    pub password: Change<Secret>,
    pub waiting_room: Option<bool>,
    pub guest_access: Option<GuestAccess>,
    /// While it is on, the room's SIP configuration is of no use: a telephone can not decrypt.
    pub e2e_encryption: Option<bool>,
}

/// What a meeting needs to know of its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingFacts {
    pub room: Room,
    /// The tariff of the room's owner.
    pub tariff: Tariff,
    /// Whether callers by telephone wait in the lobby.
    pub sip_lobby: bool,
    /// An operator has locked the owner out: nobody new comes in.
    pub owner_disabled: bool,
    pub event: Option<RoomEvent>,
    /// The folder of the event.
    pub folder: Option<SharedFolder>,
    /// Where its meetings may be streamed to, oldest first.
    pub streams: Vec<PublicTarget>,
    /// When a meeting began here, to a day; `None`: never yet.
    pub used_at: Option<DateTime<Utc>>,
}

/// Columns of a room and its owner for a query that calls the tables `r` and `o`.
macro_rules! room_columns {
    () => {
        concat!(
            "r.id AS room_id, r.tenant_id AS room_tenant_id, r.created_at AS room_created_at,
             r.password AS room_password, r.waiting_room AS room_waiting_room, r.guest_access AS room_guest_access,
             r.e2e_encryption AS room_e2e_encryption, ",
            profile_columns!("o")
        )
    };
}

/// A room and how somebody stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    pub room: Room,
    pub standing: Standing,
}

impl RoomChange {
    /// Whether it makes anything otherwise than it is.
    #[must_use]
    pub fn changes(&self, room: &EventRoom) -> bool {
        let is_other = |wanted: Option<bool>, is: bool| wanted.is_some_and(|wanted| wanted != is);
        self.password.changes(room.password.as_ref())
            || is_other(self.waiting_room, room.waiting_room)
            || self
                .guest_access
                .is_some_and(|wanted| wanted != room.guest_access)
            || is_other(self.e2e_encryption, room.e2e_encryption)
    }
}

impl Room {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("room_id")?,
            tenant_id: row.col("room_tenant_id")?,
            created_by: Profile::read(row, "o")?,
            created_at: row.col("room_created_at")?,
            password: row.col::<Option<String>>("room_password")?.map(Secret::new),
            waiting_room: row.col("room_waiting_room")?,
            guest_access: GuestAccess::read(row)?,
            e2e_encryption: row.col("room_e2e_encryption")?,
        })
    }
}

impl Related {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            room: Room::read(row)?,
            standing: Standing::parse(&row.col::<String>("standing")?),
        })
    }
}

impl MeetingFacts {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            room: Room::read(row)?,
            tariff: Tariff::read(row)?,
            sip_lobby: row.col("sip_lobby")?,
            owner_disabled: row.col("owner_disabled")?,
            event: None,
            folder: None,
            streams: Vec::new(),
            used_at: row.col("used_at")?,
        })
    }
}
from_columns!(Room, Related, MeetingFacts);

const BY_ID: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms r JOIN users o ON o.id = r.created_by WHERE r.id = $1"
);

/// The room, and how `user` stands to it: whether it may be shown is for the permissions to say.
pub async fn related(db: &Db, user: Uuid, room: Uuid) -> Result<Option<Related>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        room_columns!(),
        ", ",
        standing!("r"),
        " FROM rooms r JOIN users o ON o.id = r.created_by",
        invitation_to_room!(),
        " WHERE r.id = $2"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(user).bind(room).fetch_optional(c).await)?)
}

/// Everything a meeting needs, in four queries at the most. Says nothing about who may enter.
pub async fn meeting_facts(db: &Db, room: Uuid) -> Result<Option<MeetingFacts>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT ",
        room_columns!(),
        ", ",
        tariff_columns!(),
        ", COALESCE(s.lobby, FALSE) AS sip_lobby, o.disabled_at IS NOT NULL AS owner_disabled, r.used_at
         FROM rooms r JOIN users o ON o.id = r.created_by
         JOIN tariffs t ON t.id = o.tariff_id LEFT JOIN sip_configs s ON s.room_id = r.id WHERE r.id = $1"
    );
    let facts: Option<MeetingFacts> =
        read!(db, c => sqlx::query_as(SELECT).bind(room).fetch_optional(c).await)?;
    let Some(facts) = facts else { return Ok(None) };
    let event = room_events::of_room(db, room).await?;
    let folder = match &event {
        Some(event) => shared_folders::get(db, event.id).await?,
        None => None,
    };
    let streams = streaming_targets::public(db, room).await?;
    Ok(Some(MeetingFacts {
        event,
        folder,
        streams,
        ..facts
    }))
}

/// Notes that a meeting begins in a room, once a day. Whether there was something to note.
pub async fn mark_used(db: &Db, room: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    const UPDATE: &str = "UPDATE rooms SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at <= $3)";
    let (now, yesterday) = (micros(now), micros(now - USED_AT_PRECISION));
    db.transaction(move |tx| {
        Box::pin(async move {
            let marked = within!(tx, c => sqlx::query(UPDATE)
                .bind(room)
                .bind(now)
                .bind(yesterday)
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(marked == 1)
        })
    })
    .await
}

/// Creates a room, with a SIP configuration when asked for, unless its owner has as many as there may be.
pub async fn create(db: &Db, new: NewRoom, quotas: Quotas) -> Result<Room, QuotaError> {
    db.transaction(move |tx| {
        Box::pin(async move {
            let limits = usage::take_user(tx, new.created_by, quotas, new.created_at).await?;
            one_more(tx, new.created_by, &limits).await?;
            insert(tx, &new).await?;
            Ok(by_id(tx, new.id).await?)
        })
    })
    .await
}

/// Refuses another room of an owner who has as many as there may be. The owner's row must be taken by this transaction.
pub async fn one_more(tx: &mut Tx, owner: Uuid, limits: &Limits) -> Result<(), QuotaError> {
    const COUNT: &str = "SELECT count(*) FROM rooms WHERE created_by = $1";
    if limits.of(Quota::RoomsMax).is_some() {
        let rooms = within!(tx, c => sqlx::query_scalar(COUNT).bind(owner).fetch_one(c).await)?;
        limits.one_more(Quota::RoomsMax, count(rooms))?;
    }
    Ok(())
}

/// Changes a room. `None` when it is gone.
pub async fn update(db: &Db, room: Uuid, change: RoomChange) -> Result<Option<Room>, StoreError> {
    db.transaction(move |tx| {
        Box::pin(async move {
            if !apply(tx, room, &change).await? {
                return Ok(None);
            }
            by_id(tx, room).await.map(Some)
        })
    })
    .await
}

/// Whether an event needs the room.
pub async fn has_event(db: &Db, room: Uuid) -> Result<bool, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM events WHERE room_id = $1";
    let events: i64 = read!(db, c => sqlx::query_scalar(COUNT).bind(room).fetch_one(c).await)?;
    Ok(events > 0)
}

/// As [`create`], in the transaction of what else belongs to the room.
pub async fn insert(tx: &mut Tx, new: &NewRoom) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO rooms
        (id, tenant_id, created_by, created_at, password, waiting_room, e2e_encryption, guest_access)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    within!(&mut *tx, c => sqlx::query(INSERT)
        .bind(new.id)
        .bind(new.tenant_id)
        .bind(new.created_by)
        .bind(micros(new.created_at))
        .bind(new.password.as_ref().map(Secret::reveal))
        .bind(new.waiting_room)
        .bind(new.e2e_encryption)
        .bind(new.guest_access.as_str())
        .execute(c)
        .await
        .map(drop))?;
    if new.sip {
        sip_configs::create(tx, new.id).await?;
    }
    Ok(())
}

/// As [`update`], in a larger transaction. Whether there is such a room.
pub async fn apply(tx: &mut Tx, room: Uuid, change: &RoomChange) -> Result<bool, StoreError> {
    const UPDATE: &str = "UPDATE rooms SET
        password = CASE WHEN $2 THEN password ELSE $3 END,
        waiting_room = COALESCE($4, waiting_room),
        e2e_encryption = COALESCE($5, e2e_encryption),
        guest_access = COALESCE($6, guest_access)
        WHERE id = $1";
    let updated = within!(&mut *tx, c => sqlx::query(UPDATE)
        .bind(room)
        .bind(change.password.is_keep())
        .bind(change.password.value().map(Secret::reveal))
        .bind(change.waiting_room)
        .bind(change.e2e_encryption)
        .bind(change.guest_access.map(GuestAccess::as_str))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(updated == 1)
}

/// Deletes a room with its invites, its SIP configuration and its assets. The ids of the assets, whose contents are for the
/// caller to remove; `None`: no such room.
pub async fn remove(tx: &mut Tx, room: Uuid) -> Result<Option<Vec<Uuid>>, StoreError> {
    const DELETE: &str = "DELETE FROM rooms WHERE id = $1";
    let contents = assets::delete_of_room(tx, room).await?;
    let deleted = within!(tx, c => sqlx::query(DELETE)
        .bind(room)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok((deleted == 1).then_some(contents))
}

/// Which of these rooms still exist, e.g. of those that have a journal.
pub async fn existing(db: &Db, rooms: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    let mut found = Vec::with_capacity(rooms.len());
    for chunk in rooms.chunks(IDS_PER_QUERY) {
        let some: Vec<Uuid> = read!(db, c => {
            let mut select = sqlx::QueryBuilder::new("SELECT id FROM rooms WHERE id IN (");
            push_ids!(select, chunk);
            select.push(")").build_query_scalar().fetch_all(c).await
        })?;
        found.extend(some);
    }
    Ok(found)
}

async fn by_id(tx: &mut Tx, room: Uuid) -> Result<Room, StoreError> {
    Ok(within!(tx, c => sqlx::query_as(BY_ID).bind(room).fetch_one(c).await)?)
}
