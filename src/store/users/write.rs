//! Creating and changing users.

use chrono::{DateTime, Utc};
use colloquy_actors::protocol::plain::plain;
use uuid::Uuid;

use super::{
    BY_ID, ClaimRules, NAME_CHARS_MAX, User,
    claims::{Assigned, Rows, Said, apply, new_user},
    names::fallback_name,
    phone,
};
use crate::{
    email_address::compared,
    store::{Db, StoreError, Tx, event_invites, groups, micros, tariffs, tenants, text::cleaned},
    text::{composed, fold},
    verified_token::VerifiedToken,
};

/// What a new user gets where the token says nothing, and how claims are read.
#[derive(Debug, Clone)]
pub struct NewUserDefaults {
    /// BCP 47 tag.
    pub language: String,
    pub claims: ClaimRules,
}

impl Default for NewUserDefaults {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            claims: ClaimRules::default(),
        }
    }
}

/// What users change of themselves; `None` leaves alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub title: Option<String>,
    /// A name of which nothing can be seen gives the choice back to the issuer.
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub dashboard_theme: Option<String>,
    pub conference_theme: Option<String>,
}

/// Tokens of one answer of the issuer are of one moment, but the ID token is stamped last, which may be a second later: the access token
/// that came with it is not older.
const SAME_ANSWER_SECS: i64 = 2;

/// Creates the user of a token, or brings it up to what the claims say as far as they count.
pub async fn upsert_from_claims(
    db: &Db,
    token: &VerifiedToken,
    defaults: &NewUserDefaults,
    now: DateTime<Utc>,
) -> Result<User, StoreError> {
    upsert(db, (token, token.as_of()), defaults, now).await
}

/// The same of an ID token.
pub async fn upsert_from_id_token(
    db: &Db,
    token: &VerifiedToken,
    defaults: &NewUserDefaults,
    now: DateTime<Utc>,
) -> Result<User, StoreError> {
    let as_of = token.as_of().saturating_sub(SAME_ANSWER_SECS);
    upsert(db, (token, as_of), defaults, now).await
}

/// What is older than `as_of` changes nothing any more.
async fn upsert(
    db: &Db,
    (token, as_of): (&VerifiedToken, i64),
    defaults: &NewUserDefaults,
    now: DateTime<Utc>,
) -> Result<User, StoreError> {
    let (token, defaults, now) = (token.clone(), defaults.clone(), micros(now));
    db.transaction(move |tx| {
        Box::pin(async move {
            let rules = &defaults.claims;
            let assigned = assigned(tx, &token, rules, now).await?;
            let made = (Uuid::new_v4(), now);
            let mut new = new_user(made, &token, &assigned, (&defaults.language, rules));
            new.claims_at = new.claims_at.min(as_of);
            let user = if insert(tx, &new, now).await? {
                if let Said::Is(groups) = &assigned.groups {
                    groups::replace(tx, new.profile.id, new.tenant_id, groups).await?;
                }
                new
            } else {
                bring_up(tx, (&token, as_of), &assigned, rules, now).await?
            };
            event_invites::claim(tx, &user, now).await?;
            Ok(user)
        })
    })
    .await
}

/// What the claims assign; a tenant that is new is made, since the issuer vouches for it.
async fn assigned(
    tx: &mut Tx,
    token: &VerifiedToken,
    rules: &ClaimRules,
    now: DateTime<Utc>,
) -> Result<Assigned, StoreError> {
    const SELECT: &str = "SELECT id FROM users WHERE issuer = $1 AND subject = $2";
    if !rules.may_change(token) {
        let known: Option<Uuid> = within!(&mut *tx, c => sqlx::query_scalar(SELECT)
            .bind(&token.issuer)
            .bind(&token.subject)
            .fetch_optional(c)
            .await)?;
        if known.is_some() {
            return Ok(Assigned::default());
        }
    }
    let (claims, names) = (&token.profile, rules.names());
    let tenant = claims
        .tenant_id
        .as_deref()
        .filter(|_| !names.tenant_id.is_empty());
    let rows = Rows {
        tenant: tenants::claimed(tx, tenant, now).await?,
        tariff: tariffs::claimed(tx, claims.tariff_id.as_deref()).await?,
        downgraded: match names.downgraded_tariff.as_str() {
            "" => None,
            name => tariffs::named(tx, name).await?,
        },
    };
    Ok(Assigned::of(token, rows, rules))
}

/// Changes the user of a token, which exists, as far as the claims count.
async fn bring_up(
    tx: &mut Tx,
    (token, as_of): (&VerifiedToken, i64),
    assigned: &Assigned,
    rules: &ClaimRules,
    now: DateTime<Utc>,
) -> Result<User, StoreError> {
    let mut user = locked_by_identity(tx, token, now).await?;
    let tenant_before = user.tenant_id;
    if apply(&mut user, token, assigned, rules) {
        user.claims_at = user.claims_at.max(as_of);
        let (id, tenant) = (user.profile.id, user.tenant_id);
        match &assigned.groups {
            Said::Is(groups) => groups::replace(tx, id, tenant, groups).await?,
            Said::Absent => groups::replace(tx, id, tenant, &[]).await?,
            Said::Nothing if tenant != tenant_before => groups::move_to(tx, id, tenant).await?,
            Said::Nothing => {}
        }
    }
    update(tx, &user, now).await?;
    Ok(user)
}

/// Changes what users may change of themselves; `claimed_name` is what the issuer calls the user now. `None` when the user
/// is gone.
pub async fn update_profile(
    db: &Db,
    id: Uuid,
    change: ProfileChange,
    claimed_name: Option<String>,
    now: DateTime<Utc>,
) -> Result<Option<User>, StoreError> {
    const LOCK: &str = "UPDATE users SET updated_at = $2 WHERE id = $1 RETURNING id";
    let now = micros(now);
    db.transaction(move |tx| {
        Box::pin(async move {
            let locked: Option<Uuid> =
                within!(&mut *tx, c => sqlx::query_scalar(LOCK).bind(id).bind(now).fetch_optional(c).await)?;
            let Some(id) = locked else { return Ok(None) };
            let mut user: User = within!(&mut *tx, c => sqlx::query_as(BY_ID).bind(id).fetch_one(c).await)?;
            change.apply(&mut user, claimed_name);
            update(tx, &user, now).await?;
            Ok(Some(user))
        })
    })
    .await
}

impl ProfileChange {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn apply(self, user: &mut User, claimed_name: Option<String>) {
        if let Some(name) = self.display_name {
            // Written plainly, a name may be longer than it was sent.
            let chosen = plain(&name).map(composed);
            let chosen = chosen.and_then(|name| cleaned(Some(&name), NAME_CHARS_MAX));
            user.display_name_chosen = chosen.is_some();
            user.profile.display_name = chosen
                .or(claimed_name)
                .unwrap_or_else(|| fallback_name(&user.profile));
        }
        if let Some(language) = self.language {
            user.language = language;
            user.language_chosen = true;
        }
        for (field, new) in [
            (&mut user.profile.title, self.title),
            (&mut user.dashboard_theme, self.dashboard_theme),
            (&mut user.conference_theme, self.conference_theme),
        ] {
            if let Some(new) = new {
                *field = new;
            }
        }
    }
}

/// What search looks through: the address is its last line.
pub(super) fn search_text(user: &User) -> String {
    let profile = &user.profile;
    search_text_of([
        &profile.display_name,
        &profile.firstname,
        &profile.lastname,
        &profile.email,
    ])
}

/// The same of names and address.
pub(in crate::store) fn search_text_of(texts: [&str; 4]) -> String {
    fold(&texts.join("\n"))
}

/// Whether the user was new.
async fn insert(tx: &mut Tx, user: &User, now: DateTime<Utc>) -> Result<bool, StoreError> {
    const INSERT: &str = "INSERT INTO users
        (id, issuer, subject, tenant_id, tariff_id, tariff_status, email, title, firstname, lastname, display_name,
         display_name_chosen, language, language_chosen, dashboard_theme, conference_theme, phone, search_text,
         invite_email, used_storage, created_at, updated_at, phone_tail, email_fold, email_verified, claims_at, seen_at,
         picture)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, $20, $21, $22,
                $23, $24, $25, $26, $27)
        ON CONFLICT (issuer, subject) DO NOTHING";
    let inserted = within!(tx, c => sqlx::query(INSERT)
        .bind(user.profile.id)
        .bind(&user.issuer)
        .bind(&user.subject)
        .bind(user.tenant_id)
        .bind(user.tariff_id)
        .bind(user.tariff_status.as_str())
        .bind(&user.profile.email)
        .bind(&user.profile.title)
        .bind(&user.profile.firstname)
        .bind(&user.profile.lastname)
        .bind(&user.profile.display_name)
        .bind(user.display_name_chosen)
        .bind(&user.language)
        .bind(user.language_chosen)
        .bind(&user.dashboard_theme)
        .bind(&user.conference_theme)
        .bind(user.phone.as_deref())
        .bind(search_text(user))
        .bind(user.invite_email.as_deref())
        .bind(now)
        .bind(now)
        .bind(user.phone.as_deref().and_then(phone::tail))
        .bind(compared(&user.profile.email))
        .bind(user.profile.email_verified)
        .bind(user.claims_at)
        .bind(user.seen_at)
        .bind(user.profile.picture.as_deref())
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(inserted == 1)
}

/// Writes everything of a user that changes. Its row must be locked by this transaction.
async fn update(tx: &mut Tx, user: &User, now: DateTime<Utc>) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE users SET
        tenant_id = $2, tariff_id = $3, tariff_status = $4, email = $5, title = $6, firstname = $7, lastname = $8,
        display_name = $9, display_name_chosen = $10, language = $11, language_chosen = $12, dashboard_theme = $13,
        conference_theme = $14, phone = $15, search_text = $16, invite_email = $17,
        updated_at = $18, phone_tail = $19, email_fold = $20, email_verified = $21, claims_at = $22, picture = $23
        WHERE id = $1";
    within!(tx, c => sqlx::query(UPDATE)
        .bind(user.profile.id)
        .bind(user.tenant_id)
        .bind(user.tariff_id)
        .bind(user.tariff_status.as_str())
        .bind(&user.profile.email)
        .bind(&user.profile.title)
        .bind(&user.profile.firstname)
        .bind(&user.profile.lastname)
        .bind(&user.profile.display_name)
        .bind(user.display_name_chosen)
        .bind(&user.language)
        .bind(user.language_chosen)
        .bind(&user.dashboard_theme)
        .bind(&user.conference_theme)
        .bind(user.phone.as_deref())
        .bind(search_text(user))
        .bind(user.invite_email.as_deref())
        .bind(now)
        .bind(user.phone.as_deref().and_then(phone::tail))
        .bind(compared(&user.profile.email))
        .bind(user.profile.email_verified)
        .bind(user.claims_at)
        .bind(user.profile.picture.as_deref())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// The user of a token, which exists, locked until the end of the transaction.
async fn locked_by_identity(
    tx: &mut Tx,
    token: &VerifiedToken,
    now: DateTime<Utc>,
) -> Result<User, StoreError> {
    const LOCK: &str = "UPDATE users SET updated_at = $3 WHERE issuer = $1 AND subject = $2 RETURNING id";
    let id: Uuid = within!(&mut *tx, c => sqlx::query_scalar(LOCK)
        .bind(&token.issuer)
        .bind(&token.subject)
        .bind(now)
        .fetch_one(c)
        .await)?;
    Ok(within!(tx, c => sqlx::query_as(BY_ID).bind(id).fetch_one(c).await)?)
}
