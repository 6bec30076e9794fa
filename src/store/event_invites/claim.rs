//! Invitations of an address become those of the user who turns out to have it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::store::{
    StoreError, Tx,
    events::{InviteRole, InviteStatus},
    rows::{Columns, from_columns},
    users::User,
};

/// An invitation of an address, taken out of the table.
struct Taken {
    id: Uuid,
    event_id: Uuid,
    role: String,
    status: String,
    created_by: Uuid,
    created_at: DateTime<Utc>,
    told: bool,
    code: Option<Uuid>,
}

impl Taken {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            event_id: row.col("event_id")?,
            role: row.col("role")?,
            status: row.col("status")?,
            created_by: row.col("created_by")?,
            created_at: row.col("created_at")?,
            told: row.col("told")?,
            code: row.col("invite_code")?,
        })
    }
}
from_columns!(Taken);

/// Makes invitations of the user's address to events of the tenant the user's own. One that meets an invitation of the
/// user gives it its role, if that is the higher one; one to an event of the user itself ends. The codes of the address are
/// no more: a user needs none. An address that is only assumed to be the user's brings nothing while others have it, too. Whoever has come in by one stays and comes back with its token, which is good for a user who
/// has signed in meanwhile.
pub(in crate::store) async fn claim(tx: &mut Tx, user: &User, now: DateTime<Utc>) -> Result<(), StoreError> {
    const TAKE: &str = "DELETE FROM event_invites
        WHERE email = $1 AND EXISTS (SELECT 1 FROM events e WHERE e.id = event_invites.event_id AND e.tenant_id = $2)
        RETURNING id, event_id, role, status, created_by, created_at, told, invite_code";
    const GIVE: &str = "INSERT INTO event_invites
        (id, event_id, user_id, role, status, created_by, created_at, updated_at, told, former_code)
        SELECT $1, e.id, $3, $4, $5, $6, $7, $8, $9, $10 FROM events e WHERE e.id = $2 AND e.created_by <> $3
        ON CONFLICT (event_id, user_id) DO UPDATE SET
            role = CASE WHEN excluded.role = 'moderator' THEN excluded.role ELSE event_invites.role END,
            told = event_invites.told OR excluded.told, former_code = excluded.former_code,
            updated_at = excluded.updated_at";
    let Some(email) = &user.invite_email else {
        return Ok(());
    };
    lock_address(tx, email).await?;
    if is_doubtful(tx, user, email).await? {
        return Ok(());
    }
    keep_events(tx, email).await?;
    let mut taken: Vec<Taken> = within!(&mut *tx, c => sqlx::query_as(TAKE)
        .bind(email)
        .bind(user.tenant_id)
        .fetch_all(c)
        .await)?;
    // Two transactions lock rows in the same order.
    taken.sort_by_key(|invite| invite.event_id);
    for invite in taken {
        let role = InviteRole::parse(&invite.role)
            .unwrap_or(InviteRole::User)
            .of_user();
        let status = InviteStatus::parse(&invite.status).unwrap_or(InviteStatus::Pending);
        within!(&mut *tx, c => sqlx::query(GIVE)
            .bind(invite.id)
            .bind(invite.event_id)
            .bind(user.profile.id)
            .bind(role.as_str())
            .bind(status.as_str())
            .bind(invite.created_by)
            .bind(invite.created_at)
            .bind(now)
            .bind(invite.told)
            .bind(invite.code)
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(())
}

/// Whether it is only assumed that the address is the user's, and another user of the tenant has it as well.
async fn is_doubtful(tx: &mut Tx, user: &User, email: &str) -> Result<bool, StoreError> {
    const SELECT: &str = "SELECT other.id FROM users other, users u
        WHERE u.id = $1 AND u.email_verified IS NOT TRUE
        AND other.email_fold = $2 AND other.tenant_id = u.tenant_id AND other.id <> u.id LIMIT 1";
    let other: Option<Uuid> = within!(tx, c => sqlx::query_scalar(SELECT)
        .bind(user.profile.id)
        .bind(email)
        .fetch_optional(c)
        .await)?;
    Ok(other.is_some())
}

/// Until the end of the transaction nobody deletes the events to which an address is invited: who deletes one takes the
/// event before its invitations. SQLite has one writer anyway.
async fn keep_events(tx: &mut Tx, email: &str) -> Result<(), StoreError> {
    const KEEP: &str = "SELECT id FROM events
        WHERE id IN (SELECT event_id FROM event_invites WHERE email = $1) ORDER BY id FOR KEY SHARE";
    if let Tx::Postgres(transaction) = tx {
        sqlx::query(KEEP).bind(email).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// Until the end of the transaction nobody else invites or uninvites this address or logs in with it: else what is done at
/// the moment of the first login would be seen by neither side. SQLite has one writer anyway.
pub(super) async fn lock_address(tx: &mut Tx, email: &str) -> Result<(), StoreError> {
    const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    if let Tx::Postgres(transaction) = tx {
        sqlx::query(LOCK).bind(email).execute(&mut **transaction).await?;
    }
    Ok(())
}
