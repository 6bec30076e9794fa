//! Brings texts into the form in which this version compares them, where an earlier one has stored them otherwise: names in
//! NFC, what search looks through, and addresses. Databases can't do that, so it is no SQL file; it is done once, after the
//! migrations, in steps that are short enough for a transaction.

use chrono::Utc;
use uuid::Uuid;

use super::{Db, StoreError, Tx, micros, users};
use crate::{email_address::compared, text::composed};

/// Rows of one transaction.
const ROWS_MAX: i64 = 500;

/// What the table of what was done calls this.
const NAME: &str = "text_forms";

/// The columns of a user that are rewritten: id, address, the one for invitations, and names.
type UserTexts = (Uuid, String, Option<String>, String, String, String, String);

/// Rewrites everything, unless that was done.
pub(super) async fn renew(db: &Db) -> Result<(), StoreError> {
    const DONE: &str = "SELECT count(*) FROM rewrites WHERE name = $1";
    let done: i64 = read!(db, c => sqlx::query_scalar(DONE).bind(NAME).fetch_one(c).await)?;
    if done > 0 {
        return Ok(());
    }
    let mut after = Some(Uuid::nil());
    while let Some(last) = after {
        after = db
            .transaction(move |tx| Box::pin(async move { renew_users(tx, last).await }))
            .await?;
    }
    let mut after = Some(Uuid::nil());
    while let Some(last) = after {
        after = db
            .transaction(move |tx| Box::pin(async move { renew_invited_addresses(tx, last).await }))
            .await?;
    }
    db.transaction(move |tx| Box::pin(async move { note_done(tx).await }))
        .await
}

async fn note_done(tx: &mut Tx) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO rewrites (name, done_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    let now = micros(Utc::now());
    within!(tx, c => sqlx::query(INSERT).bind(NAME).bind(now).execute(c).await.map(drop))?;
    Ok(())
}

/// Rewrites the next users after an id. The last of them; `None`: there are no more.
async fn renew_users(tx: &mut Tx, after: Uuid) -> Result<Option<Uuid>, StoreError> {
    const SELECT: &str = "SELECT id, email, invite_email, display_name, title, firstname, lastname FROM users
        WHERE id > $1 ORDER BY id LIMIT $2";
    const UPDATE: &str = "UPDATE users SET invite_email = $2, display_name = $3, title = $4, firstname = $5,
        lastname = $6, search_text = $7, email_fold = $8 WHERE id = $1";
    let rows: Vec<UserTexts> =
        within!(&mut *tx, c => sqlx::query_as(SELECT).bind(after).bind(ROWS_MAX).fetch_all(c).await)?;
    let last = rows.last().map(|row| row.0);
    for (id, email, invite_email, display_name, title, firstname, lastname) in rows {
        let [display_name, title, firstname, lastname] =
            [display_name, title, firstname, lastname].map(composed);
        let search = users::search_text_of([&display_name, &firstname, &lastname, &email]);
        within!(&mut *tx, c => sqlx::query(UPDATE)
            .bind(id)
            .bind(invite_email.as_deref().map(compared))
            .bind(&display_name)
            .bind(&title)
            .bind(&firstname)
            .bind(&lastname)
            .bind(search)
            .bind(compared(&email))
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(last)
}

/// The same of invited addresses. Where an event has invited the same mailbox twice, the second invitation stays as it is.
async fn renew_invited_addresses(tx: &mut Tx, after: Uuid) -> Result<Option<Uuid>, StoreError> {
    const SELECT: &str =
        "SELECT id, email FROM event_invites WHERE email IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    const UPDATE: &str = "UPDATE event_invites SET email = $2 WHERE id = $1 AND NOT EXISTS
        (SELECT 1 FROM event_invites o WHERE o.event_id = event_invites.event_id AND o.email = $2)";
    let rows: Vec<(Uuid, String)> =
        within!(&mut *tx, c => sqlx::query_as(SELECT).bind(after).bind(ROWS_MAX).fetch_all(c).await)?;
    let last = rows.last().map(|row| row.0);
    for (id, email) in rows {
        let form = compared(&email);
        if form != email {
            within!(&mut *tx, c => sqlx::query(UPDATE).bind(id).bind(form).execute(c).await.map(drop))?;
        }
    }
    Ok(last)
}
