//! Invitations of an address become those of the user who turns out to have it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::store::{StoreError, Tx, users::User};

/// Invitations of the user whose event an invitation of the address is for, too: they get its role, if that is the higher one.
const RAISE: &str = "UPDATE event_invites SET
    role = CASE WHEN theirs.role = 'moderator' THEN theirs.role ELSE event_invites.role END,
    told = event_invites.told OR theirs.told, former_code = theirs.invite_code, updated_at = $4
    FROM (SELECT i.event_id, i.role, i.told, i.invite_code FROM event_invites i JOIN events e ON e.id = i.event_id
        WHERE i.email = $1 AND e.tenant_id = $2 AND e.created_by <> $3) AS theirs
    WHERE event_invites.event_id = theirs.event_id AND event_invites.user_id = $3";

/// Those of the address that the user has, or to an event of its own.
const END: &str = "DELETE FROM event_invites
    WHERE email = $1 AND EXISTS (SELECT 1 FROM events e WHERE e.id = event_invites.event_id AND e.tenant_id = $2
        AND (e.created_by = $3 OR EXISTS
            (SELECT 1 FROM event_invites own WHERE own.event_id = e.id AND own.user_id = $3)))";

/// The others become the user's.
const GIVE: &str = "UPDATE event_invites SET user_id = $3, email = NULL, firstname = NULL, lastname = NULL,
    role = CASE WHEN role = 'moderator' THEN role ELSE 'user' END,
    former_code = invite_code, invite_code = NULL, updated_at = $4
    WHERE email = $1 AND EXISTS (SELECT 1 FROM events e WHERE e.id = event_invites.event_id AND e.tenant_id = $2)";

/// Makes invitations of the user's address to events of the tenant the user's own. One that meets an invitation of the
/// user gives it its role, if that is the higher one; one to an event of the user itself ends. The codes of the address are
/// no more: a user needs none. An address that is only assumed to be the user's brings nothing while others have it, too. Whoever has come in by one stays and comes back with its token, which is good for a user who
/// has signed in meanwhile.
pub(in crate::store) async fn claim(tx: &mut Tx, user: &User, now: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(email) = &user.invite_email else {
        return Ok(());
    };
    lock_address(tx, email).await?;
    if is_doubtful(tx, user, email).await? {
        return Ok(());
    }
    keep_events(tx, email).await?;
    // However many they are: somebody may have invited an address to a thousand events.
    let (tenant, id) = (user.tenant_id, user.profile.id);
    let change = async |tx: &mut Tx, statement: &'static str| -> Result<(), StoreError> {
        within!(tx, c => sqlx::query(statement)
            .bind(email)
            .bind(tenant)
            .bind(id)
            .bind(now)
            .execute(c)
            .await
            .map(drop))?;
        Ok(())
    };
    change(tx, RAISE).await?;
    within!(&mut *tx, c => sqlx::query(END).bind(email).bind(tenant).bind(id).execute(c).await.map(drop))?;
    change(tx, GIVE).await?;
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
