//! Inviting, answering, changing roles and withdrawing.
//!
//! Whatever depends on who is invited locks the event's row first, so that two requests about one event take turns.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    INVITEES_PER_EVENT_MAX, Names,
    claim::lock_address,
    receiver::{Addressee, receiver},
    resolve::{Resolved, resolved},
};
use crate::{
    config::EmailVerified,
    quotas::Quota,
    store::{
        Db, StoreError, Tx,
        events::{InviteRole, InviteStatus},
        micros,
        rows::{Columns, count, from_columns},
        usage::{self, Counter, Limits, QuotaError},
    },
};

/// Somebody who is or shall be invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    User(Uuid),
    /// A folded address; one of a user of the tenant stands for that user.
    Email(String),
}

/// What a new invitation is made of.
#[derive(Debug, Clone)]
pub struct NewEventInvite {
    pub event_id: Uuid,
    pub whom: Whom,
    /// Of whoever has the address at the identity provider.
    pub names: Option<Names>,
    /// Whose an address is of which the provider does not say whether it is the user's.
    pub unsaid: EmailVerified,
    pub role: InviteRole,
    pub created_by: Uuid,
    pub created_at: DateTime<Utc>,
}

/// An invitation that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedInvite {
    pub id: Uuid,
    /// The address of a user was invited, and not the user: nobody says that the address is the user's.
    pub passes_by_user: bool,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    New(CreatedInvite),
    /// Invited before, or the creator of the event; nothing changed.
    Already,
    NoEvent,
    /// No such user in the tenant of the event.
    NoUser,
    /// The event has [`INVITEES_PER_EVENT_MAX`] invitees.
    Full,
}

/// A changed role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleChange {
    pub room_id: Uuid,
    /// A user who was moderator and is no longer.
    pub demoted: Option<Uuid>,
}

/// An invitation that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    pub room_id: Uuid,
    /// Whose access ended; none when only an address was invited.
    pub user: Option<Uuid>,
    /// The code of the address, which opens nothing any more.
    pub invite_code: Option<Uuid>,
    /// Who can be told.
    pub receiver: Option<Addressee>,
}

/// An event whose row is locked until the end of the transaction.
pub(in crate::store) struct LockedEvent {
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub room_id: Uuid,
    pub created_by: Uuid,
}

impl LockedEvent {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            tenant_id: row.col("tenant_id")?,
            room_id: row.col("room_id")?,
            created_by: row.col("created_by")?,
        })
    }
}

/// An invitation as it is to be changed.
struct Held {
    id: Uuid,
    user_id: Option<Uuid>,
    role: String,
    invite_code: Option<Uuid>,
}

impl Held {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            user_id: row.col("user_id")?,
            role: row.col("role")?,
            invite_code: row.col("invite_code")?,
        })
    }
}
from_columns!(LockedEvent, Held);

/// Invites somebody, in the transaction of what else is done then. `limits` are those of whoever invites, whose row must be
/// locked by this transaction.
pub async fn invite(tx: &mut Tx, new: NewEventInvite, limits: &Limits) -> Result<Invited, QuotaError> {
    const COUNT: &str = "SELECT count(*) FROM event_invites WHERE event_id = $1";
    if let Whom::Email(email) = &new.whom {
        lock_address(tx, email).await?;
    }
    let Some(event) = lock_event(tx, new.event_id).await? else {
        return Ok(Invited::NoEvent);
    };
    let Resolved { whom, passes_by_user } =
        resolved(tx, event.tenant_id, new.whom.clone(), new.unsaid).await?;
    if let Whom::User(user) = whom {
        if user == event.created_by {
            return Ok(Invited::Already);
        }
        if !is_in_tenant(tx, user, event.tenant_id).await? {
            return Ok(Invited::NoUser);
        }
    }
    if held(tx, event.id, &whom).await?.is_some() {
        return Ok(Invited::Already);
    }
    let invitees = within!(&mut *tx, c => sqlx::query_scalar(COUNT).bind(event.id).fetch_one(c).await)?;
    if count(invitees) >= INVITEES_PER_EVENT_MAX {
        return Ok(Invited::Full);
    }
    if let Whom::Email(email) = &whom {
        count_stranger(tx, &new, email, limits).await?;
    }
    let id = insert(tx, &new, &whom).await?;
    Ok(Invited::New(CreatedInvite { id, passes_by_user }))
}

/// Counts an address that whoever invites it has not invited to anything before.
async fn count_stranger(
    tx: &mut Tx,
    new: &NewEventInvite,
    email: &str,
    limits: &Limits,
) -> Result<(), QuotaError> {
    const SELECT: &str = "SELECT count(*) FROM event_invites WHERE email = $1 AND created_by = $2";
    let known = within!(&mut *tx, c => sqlx::query_scalar(SELECT)
        .bind(email)
        .bind(new.created_by)
        .fetch_one(c)
        .await)?;
    if count(known) == 0 {
        let quota = Quota::ExternalInviteesPerDay;
        let counter = Counter::of_id(new.created_by, quota);
        usage::raise(tx, &counter, 1, limits.of(quota), new.created_at).await?;
    }
    Ok(())
}

/// Gives an invitee a role, or leaves it as it is; an address that belongs to an invited user means the user. `None` when
/// nobody such is invited.
pub async fn set_role(
    db: &Db,
    event: Uuid,
    whom: Whom,
    role: Option<InviteRole>,
    now: DateTime<Utc>,
) -> Result<Option<RoleChange>, StoreError> {
    const UPDATE: &str = "UPDATE event_invites SET role = $2, updated_at = $3 WHERE id = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            let Some((event, held)) = locked_invite(tx, event, whom).await? else {
                return Ok(None);
            };
            let Some(role) = role else {
                return Ok(Some(RoleChange {
                    room_id: event.room_id,
                    demoted: None,
                }));
            };
            let role = if held.user_id.is_some() {
                role.of_user()
            } else {
                role
            };
            within!(tx, c => sqlx::query(UPDATE)
                .bind(held.id)
                .bind(role.as_str())
                .bind(micros(now))
                .execute(c)
                .await
                .map(drop))?;
            let is_demotion = held.role == InviteRole::Moderator.as_str() && role != InviteRole::Moderator;
            Ok(Some(RoleChange {
                room_id: event.room_id,
                demoted: held.user_id.filter(|_| is_demotion),
            }))
        })
    })
    .await
}

/// Writes down what a user answered. Whether the user is invited.
pub async fn answer(
    db: &Db,
    event: Uuid,
    user: Uuid,
    status: InviteStatus,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    const UPDATE: &str =
        "UPDATE event_invites SET status = $3, updated_at = $4 WHERE event_id = $1 AND user_id = $2";
    db.transaction(move |tx| {
        Box::pin(async move {
            let updated = within!(tx, c => sqlx::query(UPDATE)
                .bind(event)
                .bind(user)
                .bind(status.as_str())
                .bind(micros(now))
                .execute(c)
                .await
                .map(|done| done.rows_affected()))?;
            Ok(updated == 1)
        })
    })
    .await
}

/// Makes answers pending again, in the transaction that moves the event.
pub async fn ask_again(tx: &mut Tx, event: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE event_invites SET status = 'pending', updated_at = $2
        WHERE event_id = $1 AND status IN ('accepted', 'declined')";
    within!(tx, c => sqlx::query(UPDATE).bind(event).bind(micros(now)).execute(c).await.map(drop))?;
    Ok(())
}

/// Ends an invitation, and with it the invitee's access and favourite or the code of the address, in the transaction of what
/// else is done then. `None` when nobody such is invited.
pub async fn withdraw(tx: &mut Tx, event: Uuid, whom: Whom) -> Result<Option<Withdrawn>, StoreError> {
    const DELETE: &str = "DELETE FROM event_invites WHERE id = $1";
    const FORGET: &str = "DELETE FROM event_favorites WHERE event_id = $1 AND user_id = $2";
    let Some((event, held)) = locked_invite(tx, event, whom).await? else {
        return Ok(None);
    };
    let receiver = receiver(tx, held.id).await?;
    within!(&mut *tx, c => sqlx::query(DELETE).bind(held.id).execute(c).await.map(drop))?;
    if let Some(user) = held.user_id {
        within!(tx, c => sqlx::query(FORGET).bind(event.id).bind(user).execute(c).await.map(drop))?;
    }
    Ok(Some(Withdrawn {
        room_id: event.room_id,
        user: held.user_id,
        invite_code: held.invite_code,
        receiver,
    }))
}

/// The event, which nobody else changes or invites to until the end of the transaction. `None` when it is gone.
pub(in crate::store) async fn lock_event(
    tx: &mut Tx,
    event: Uuid,
) -> Result<Option<LockedEvent>, StoreError> {
    const LOCK: &str = "UPDATE events SET revision = revision WHERE id = $1
        RETURNING id, tenant_id, room_id, created_by";
    Ok(within!(tx, c => sqlx::query_as(LOCK).bind(event).fetch_optional(c).await)?)
}

async fn locked_invite(
    tx: &mut Tx,
    event: Uuid,
    whom: Whom,
) -> Result<Option<(LockedEvent, Held)>, StoreError> {
    if let Whom::Email(email) = &whom {
        lock_address(tx, email).await?;
    }
    let Some(event) = lock_event(tx, event).await? else {
        return Ok(None);
    };
    let mut found = held(tx, event.id, &whom).await?;
    if let (None, Whom::Email(email)) = (&found, &whom) {
        found = held_by_user_at(tx, event.id, email).await?;
    }
    Ok(found.map(|held| (event, held)))
}

/// The invitation of a user whom the list of invitees shows with this address, unless the identity provider calls it somebody
/// else's; of several the one that was here last.
async fn held_by_user_at(tx: &mut Tx, event: Uuid, email: &str) -> Result<Option<Held>, StoreError> {
    const SELECT: &str = "SELECT i.id, i.user_id, i.role, i.invite_code
        FROM users u JOIN event_invites i ON i.user_id = u.id
        WHERE u.email_fold = $1 AND u.email_verified IS NOT FALSE AND i.event_id = $2
        ORDER BY u.email_verified IS TRUE DESC, u.seen_at DESC, u.created_at DESC, u.id LIMIT 1";
    Ok(within!(tx, c => sqlx::query_as(SELECT).bind(email).bind(event).fetch_optional(c).await)?)
}

async fn is_in_tenant(tx: &mut Tx, user: Uuid, tenant: Uuid) -> Result<bool, StoreError> {
    const SELECT: &str = "SELECT id FROM users WHERE id = $1 AND tenant_id = $2";
    let found: Option<Uuid> = within!(tx, c => sqlx::query_scalar(SELECT)
        .bind(user)
        .bind(tenant)
        .fetch_optional(c)
        .await)?;
    Ok(found.is_some())
}

async fn held(tx: &mut Tx, event: Uuid, whom: &Whom) -> Result<Option<Held>, StoreError> {
    const OF_USER: &str =
        "SELECT id, user_id, role, invite_code FROM event_invites WHERE event_id = $1 AND user_id = $2";
    const OF_EMAIL: &str =
        "SELECT id, user_id, role, invite_code FROM event_invites WHERE event_id = $1 AND email = $2";
    Ok(within!(tx, c => match whom {
        Whom::User(user) => sqlx::query_as(OF_USER).bind(event).bind(user).fetch_optional(c).await,
        Whom::Email(email) => sqlx::query_as(OF_EMAIL).bind(event).bind(email).fetch_optional(c).await,
    })?)
}

/// The id of the new invitation. An address gets a code of its own.
async fn insert(tx: &mut Tx, new: &NewEventInvite, whom: &Whom) -> Result<Uuid, StoreError> {
    const INSERT: &str = "INSERT INTO event_invites
        (id, event_id, user_id, email, invite_code, role, status, created_by, created_at, updated_at, firstname, lastname,
         told)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, FALSE)";
    let (user, email, role) = match whom {
        Whom::User(user) => (Some(*user), None, new.role.of_user()),
        Whom::Email(email) => (None, Some(email), new.role),
    };
    let code = email.map(|_| Uuid::new_v4());
    let names = new.names.as_ref().filter(|_| email.is_some());
    let id = Uuid::new_v4();
    within!(tx, c => sqlx::query(INSERT)
        .bind(id)
        .bind(new.event_id)
        .bind(user)
        .bind(email)
        .bind(code)
        .bind(role.as_str())
        .bind(InviteStatus::Pending.as_str())
        .bind(new.created_by)
        .bind(micros(new.created_at))
        .bind(names.map(|names| &*names.firstname))
        .bind(names.map(|names| &*names.lastname))
        .execute(c)
        .await
        .map(drop))?;
    Ok(id)
}
