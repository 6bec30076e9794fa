//! Invites: codes that let guests into a room.
//!
//! The codes of addresses that are invited to events are no invites: they stand in [`super::event_invites`], are counted
//! and listed nowhere, and come and go with their invitations. Only [`for_start`] knows both.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{QueryBuilder, types::Json};
use uuid::Uuid;

use super::{
    Db, Listed, NewestFirst, StoreError, Tx, event_invites,
    guest_access::GuestAccess,
    micros,
    rows::{Columns, count, from_columns},
    tariffs::{Tariff, tariff_columns},
    usage::{Limits, QuotaError, QuotaExceeded},
    users::{Profile, profile_columns},
};
use crate::{
    quotas::{Quota, Quotas},
    secrets::Secret,
};

/// Inactive and expired invites that a room keeps for whoever looks at them; of more the oldest go when one is made.
pub const DEAD_KEPT: u32 = 1_000;

/// Of more than these as many go at once as one transaction has time for.
const DEAD_GO_AT_ONCE: u32 = 1_000;

/// Within it the same user's wish for a lasting invite of the same room is the same wish.
const SAME_WISH: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    pub code: Uuid,
    pub room_id: Uuid,
    pub created_by: Profile,
    pub created_at: DateTime<Utc>,
    pub updated_by: Profile,
    pub updated_at: DateTime<Utc>,
    /// Deleting an invite makes it inactive.
    pub active: bool,
    /// End of its validity; `None` means never.
    pub expiration: Option<DateTime<Utc>>,
}

/// What a new invite is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewInvite {
    pub code: Uuid,
    pub room_id: Uuid,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub expiration: Option<DateTime<Utc>>,
}

/// Who changes an invite, and when.
#[derive(Debug, Clone, Copy)]
pub struct Editor {
    pub user: Uuid,
    pub at: DateTime<Utc>,
}

/// What a guest's way into a meeting depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteForStart {
    pub code: Uuid,
    pub room_id: Uuid,
    pub room_password: Option<Secret>,
    /// An operator has locked the room's owner out: nobody new comes in.
    pub owner_disabled: bool,
    /// What the room's owner says about guests.
    pub guest_access: GuestAccess,
    /// The tariff of the room's owner, which may leave no guests in.
    pub tariff: Tariff,
    pub active: bool,
    pub expiration: Option<DateTime<Utc>>,
}

impl InviteForStart {
    /// Whether the code opens anything at this time.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.active && self.expiration.is_none_or(|end| now < end)
    }

    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let series_ends_at = row.col("series_ends_at")?;
        let expiration = if row.col("is_of_address")? {
            event_invites::codes_expiration(series_ends_at)
        } else {
            row.col("expiration")?
        };
        Ok(Self {
            code: row.col("code")?,
            room_id: row.col("room_id")?,
            room_password: row.col::<Option<String>>("room_password")?.map(Secret::new),
            owner_disabled: row.col("owner_disabled")?,
            guest_access: GuestAccess::read(row)?,
            tariff: Tariff::read(row)?,
            active: row.col("active")?,
            expiration,
        })
    }
}

impl Invite {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            code: row.col("code")?,
            room_id: row.col("room_id")?,
            created_by: Profile::read(row, "c")?,
            created_at: row.col("created_at")?,
            updated_by: Profile::read(row, "e")?,
            updated_at: row.col("updated_at")?,
            active: row.col("active")?,
            expiration: row.col("expiration")?,
        })
    }
}
from_columns!(Invite, InviteForStart);

/// An invite with the profiles of its creator and its last editor.
macro_rules! select_invites {
    ($rest:literal) => {
        concat!(
            "SELECT i.code, i.room_id, i.created_at, i.updated_at, i.active, i.expiration, ",
            profile_columns!("c"),
            ", ",
            profile_columns!("e"),
            " FROM invites i JOIN users c ON c.id = i.created_by JOIN users e ON e.id = i.updated_by ",
            $rest
        )
    };
}

const BY_CODE: &str = select_invites!("WHERE i.room_id = $1 AND i.code = $2");

/// The invites of a room, inactive and expired ones too, newest first.
pub async fn list(db: &Db, room: Uuid, asked: impl Into<NewestFirst>) -> Result<Listed<Invite>, StoreError> {
    const COUNT: &str = "SELECT count(*) FROM invites WHERE room_id = $1 AND created_at <= $2";
    const SELECT: &str = select_invites!(
        "WHERE i.room_id = $1 AND i.created_at <= $2 ORDER BY i.created_at DESC, i.code DESC LIMIT $3 OFFSET $4"
    );
    let NewestFirst { window, as_of } = asked.into();
    let total = read!(db, c => sqlx::query_scalar(COUNT).bind(room).bind(as_of).fetch_one(c).await)?;
    let rows = read!(db, c => sqlx::query_as(SELECT)
        .bind(room)
        .bind(as_of)
        .bind(window.limit())
        .bind(window.offset())
        .fetch_all(c)
        .await)?;
    Ok(Listed {
        rows,
        total: count(total),
    })
}

/// The invite of this room.
pub async fn get(db: &Db, room: Uuid, code: Uuid) -> Result<Option<Invite>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(BY_CODE).bind(room).bind(code).fetch_optional(c).await)?)
}

/// What stands behind a code, whatever room it belongs to and whether or not it is still valid.
pub async fn for_start(db: &Db, code: Uuid) -> Result<Option<InviteForStart>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT c.code, c.room_id, c.active, c.expiration, c.is_of_address, c.series_ends_at,
        r.password AS room_password, r.guest_access AS room_guest_access,
        o.disabled_at IS NOT NULL AS owner_disabled, ",
        tariff_columns!(),
        " FROM (
            SELECT code, room_id, active, expiration, FALSE AS is_of_address, NULL AS series_ends_at
            FROM invites WHERE code = $1
            UNION ALL
            SELECT i.invite_code, e.room_id, TRUE, NULL, TRUE, e.series_ends_at
            FROM event_invites i JOIN events e ON e.id = i.event_id WHERE i.invite_code = $1
        ) c JOIN rooms r ON r.id = c.room_id JOIN users o ON o.id = r.created_by JOIN tariffs t ON t.id = o.tariff_id"
    );
    Ok(read!(db, c => sqlx::query_as(SELECT).bind(code).fetch_optional(c).await)?)
}

/// A code that nobody has taken back, and what else decides whether it opens anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCode {
    pub code: Uuid,
    pub guest_access: GuestAccess,
    /// Whether everybody waits who is no moderator.
    pub waiting_room: bool,
    /// The tariff of the room's owner.
    pub tariff: Tariff,
}

impl KeptCode {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            code: row.col("code")?,
            guest_access: GuestAccess::read(row)?,
            waiting_room: row.col("room_waiting_room")?,
            tariff: Tariff::read(row)?,
        })
    }
}
from_columns!(KeptCode);

/// Those of these codes that somebody has not taken back, of invites and of invited addresses.
pub async fn kept(db: &Db, codes: &[Uuid]) -> Result<Vec<KeptCode>, StoreError> {
    const SELECT: &str = concat!(
        "SELECT c.code, r.guest_access AS room_guest_access, r.waiting_room AS room_waiting_room, ",
        tariff_columns!(),
        " FROM (SELECT code, room_id FROM invites WHERE active AND code IN ("
    );
    const OF_ADDRESSES: &str = ") UNION ALL SELECT i.invite_code, e.room_id
        FROM event_invites i JOIN events e ON e.id = i.event_id WHERE i.invite_code IN (";
    const ROOMS: &str = ")) c JOIN rooms r ON r.id = c.room_id JOIN users o ON o.id = r.created_by
        JOIN tariffs t ON t.id = o.tariff_id";
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(read!(db, c => {
        let mut select = QueryBuilder::new(SELECT);
        push_ids!(select, codes);
        select.push(OF_ADDRESSES);
        push_ids!(select, codes);
        select.push(ROOMS).build_query_as().fetch_all(c).await
    })?)
}

/// Creates an invite, unless the room has as many valid ones as there may be. `None` when the room is gone.
///
/// For a wish without an expiration the creator's last such invite of the room is given again within [`SAME_WISH`]: the
/// web client asks as fast as it can until it sees one.
pub async fn create(db: &Db, new: NewInvite, quotas: Quotas) -> Result<Option<Invite>, QuotaError> {
    db.transaction(move |tx| {
        Box::pin(async move {
            let Some(limits) = take_room(tx, new.room_id, quotas).await? else {
                return Ok(None);
            };
            if new.expiration.is_none()
                && let Some(code) = just_made(tx, &new).await?
            {
                return Ok(by_code(tx, new.room_id, code).await?);
            }
            let before = valid(tx, new.room_id, new.created_at).await?;
            before.require(before.and(new.expiration, new.created_at), &limits)?;
            insert(tx, &new).await?;
            Ok(by_code(tx, new.room_id, new.code).await?)
        })
    })
    .await
}

async fn insert(tx: &mut Tx, new: &NewInvite) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO invites
        (code, room_id, created_by, created_at, updated_by, updated_at, active, expiration)
        VALUES ($1, $2, $3, $4, $3, $4, $5, $6)";
    within!(&mut *tx, c => sqlx::query(INSERT)
        .bind(new.code)
        .bind(new.room_id)
        .bind(new.created_by)
        .bind(micros(new.created_at))
        .bind(true)
        .bind(new.expiration.map(micros))
        .execute(c)
        .await
        .map(drop))?;
    forget_dead(tx, new).await
}

/// Deletes the oldest invites that open nothing, where the room of a new one has more than [`DEAD_KEPT`]: no quota counts
/// them.
async fn forget_dead(tx: &mut Tx, new: &NewInvite) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM invites WHERE code IN (SELECT code FROM invites
        WHERE room_id = $1 AND code <> $2 AND (NOT active OR expiration <= $3)
        ORDER BY updated_at DESC, code DESC LIMIT $4 OFFSET $5)";
    within!(tx, c => sqlx::query(DELETE)
        .bind(new.room_id)
        .bind(new.code)
        .bind(micros(new.created_at))
        .bind(i64::from(DEAD_GO_AT_ONCE))
        .bind(i64::from(DEAD_KEPT))
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The active invite without an expiration that the same user has made in the same room just now.
async fn just_made(tx: &mut Tx, new: &NewInvite) -> Result<Option<Uuid>, StoreError> {
    const SELECT: &str = "SELECT code FROM invites WHERE room_id = $1 AND created_by = $2 AND created_at > $3
        AND active AND expiration IS NULL ORDER BY created_at DESC, code DESC LIMIT 1";
    Ok(within!(tx, c => sqlx::query_scalar(SELECT)
        .bind(new.room_id)
        .bind(new.created_by)
        .bind(micros(new.created_at - SAME_WISH))
        .fetch_optional(c)
        .await)?)
}

/// Takes a room's row until the end of the transaction, so that whoever counts its invites comes one after the other. What
/// holds for its owner; `None`: no such room.
async fn take_room(tx: &mut Tx, room: Uuid, quotas: Quotas) -> Result<Option<Limits>, StoreError> {
    const TAKE: &str = "UPDATE rooms SET used_at = used_at WHERE id = $1 RETURNING created_by";
    const SELECT: &str = "SELECT t.quotas FROM users u JOIN tariffs t ON t.id = u.tariff_id WHERE u.id = $1";
    let owner: Option<Uuid> =
        within!(&mut *tx, c => sqlx::query_scalar(TAKE).bind(room).fetch_optional(c).await)?;
    let Some(owner) = owner else { return Ok(None) };
    let of_tariff: Json<BTreeMap<String, u64>> =
        within!(tx, c => sqlx::query_scalar(SELECT).bind(owner).fetch_one(c).await)?;
    Ok(Some(Limits::new(of_tariff.0, quotas)))
}

/// The invites of a room that open it.
#[derive(Debug, Clone, Copy)]
struct Valid {
    lasting: u64,
    with_end: u64,
}

impl Valid {
    /// Those that the quota counts: one without an expiration is always allowed beside it.
    fn counted(self) -> u64 {
        self.lasting.saturating_sub(1) + self.with_end
    }

    /// With one more of this expiration.
    fn and(self, expiration: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let Self { lasting, with_end } = self;
        match expiration {
            None => Self {
                lasting: lasting + 1,
                with_end,
            },
            Some(end) if now < end => Self {
                lasting,
                with_end: with_end + 1,
            },
            Some(_) => self,
        }
    }

    /// Refuses what makes more of them than there may be. What is above a limit that was lowered stays.
    fn require(self, after: Self, limits: &Limits) -> Result<(), QuotaExceeded> {
        if after.counted() > self.counted() {
            limits.one_more(Quota::InvitesPerRoomMax, self.counted())
        } else {
            Ok(())
        }
    }
}

/// Counts the invites of a room that open it at this time.
async fn valid(tx: &mut Tx, room: Uuid, now: DateTime<Utc>) -> Result<Valid, StoreError> {
    valid_but(tx, room, Uuid::nil(), now).await
}

/// The same without one of them.
async fn valid_but(tx: &mut Tx, room: Uuid, code: Uuid, now: DateTime<Utc>) -> Result<Valid, StoreError> {
    const COUNT: &str = "SELECT count(*) - count(expiration), count(expiration) FROM invites
        WHERE room_id = $1 AND code <> $2 AND active AND (expiration IS NULL OR expiration > $3)";
    let (lasting, with_end): (i64, i64) = within!(tx, c => sqlx::query_as(COUNT)
        .bind(room)
        .bind(code)
        .bind(micros(now))
        .fetch_one(c)
        .await)?;
    Ok(Valid {
        lasting: count(lasting),
        with_end: count(with_end),
    })
}

/// Creates an invite that never expires, unless the room has an active one already. Its `expiration` counts for nothing.
pub async fn insert_lasting(tx: &mut Tx, new: &NewInvite) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO invites
        (code, room_id, created_by, created_at, updated_by, updated_at, active, expiration)
        SELECT $1, r.id, $3, $4, $3, $4, $5, NULL FROM rooms r WHERE r.id = $2 AND NOT EXISTS
            (SELECT 1 FROM invites i WHERE i.room_id = r.id AND i.active AND i.expiration IS NULL)";
    within!(&mut *tx, c => sqlx::query(INSERT)
        .bind(new.code)
        .bind(new.room_id)
        .bind(new.created_by)
        .bind(micros(new.created_at))
        .bind(true)
        .execute(c)
        .await
        .map(drop))?;
    forget_dead(tx, new).await
}

/// Sets the end of an invite's validity, `None` for never, unless that makes more valid ones than there may be. `None` when
/// there is no such invite.
pub async fn set_expiration(
    db: &Db,
    (room, code): (Uuid, Uuid),
    expiration: Option<DateTime<Utc>>,
    editor: Editor,
    quotas: Quotas,
) -> Result<Option<Invite>, QuotaError> {
    const UPDATE: &str = "UPDATE invites SET expiration = $3, updated_by = $4, updated_at = $5
        WHERE room_id = $1 AND code = $2";
    db.transaction(move |tx| {
        Box::pin(async move {
            let Some(limits) = take_room(tx, room, quotas).await? else {
                return Ok(None);
            };
            let Some(invite) = by_code(tx, room, code).await? else {
                return Ok(None);
            };
            if invite.active {
                let others = valid_but(tx, room, code, editor.at).await?;
                let before = others.and(invite.expiration, editor.at);
                before.require(others.and(expiration, editor.at), &limits)?;
            }
            within!(&mut *tx, c => sqlx::query(UPDATE)
                .bind(room)
                .bind(code)
                .bind(expiration.map(micros))
                .bind(editor.user)
                .bind(micros(editor.at))
                .execute(c)
                .await
                .map(drop))?;
            Ok(by_code(tx, room, code).await?)
        })
    })
    .await
}

/// Makes an invite inactive for good. Whether there is such an invite; one that is inactive already stays as it is.
pub async fn deactivate(db: &Db, room: Uuid, code: Uuid, editor: Editor) -> Result<bool, StoreError> {
    const UPDATE: &str = "UPDATE invites SET active = $3, updated_by = $4, updated_at = $5
        WHERE room_id = $1 AND code = $2 AND active";
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(&mut *tx, c => sqlx::query(UPDATE)
                .bind(room)
                .bind(code)
                .bind(false)
                .bind(editor.user)
                .bind(micros(editor.at))
                .execute(c)
                .await
                .map(drop))?;
            Ok(by_code(tx, room, code).await?.is_some())
        })
    })
    .await
}

async fn by_code(tx: &mut Tx, room: Uuid, code: Uuid) -> Result<Option<Invite>, StoreError> {
    Ok(within!(tx, c => sqlx::query_as(BY_CODE).bind(room).bind(code).fetch_optional(c).await)?)
}
