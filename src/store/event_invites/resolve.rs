//! Which user an address stands for.
//!
//! Only the identity provider's word counts: else anybody who may write an address at the provider would take over what is
//! meant for its owner.

use uuid::Uuid;

use super::Whom;
use crate::{
    config::EmailVerified,
    store::{
        StoreError, Tx,
        rows::{Columns, from_columns},
    },
};

/// Who is invited by an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub whom: Whom,
    /// A user of the tenant has the address, but is not known to own it: the address itself is invited.
    pub passes_by_user: bool,
}

/// A user with an address.
struct Holder {
    id: Uuid,
    email_verified: Option<bool>,
    is_disabled: bool,
    /// It counted as the user's before anybody asked whether the provider vouches for it, and the user was not here since.
    was_theirs: bool,
}

impl Holder {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            email_verified: row.col("email_verified")?,
            is_disabled: row.col("is_disabled")?,
            was_theirs: row.col::<Option<bool>>("was_theirs")?.unwrap_or_default(),
        })
    }
}
from_columns!(Holder);

/// The user behind an address, if the tenant has one whose address it is. Of several for whom the provider vouches it is the one
/// that was here last (who is locked out only where there is nobody else). Where the provider says nothing and
/// that is enough (`unsaid`), there must be exactly one.
pub(super) async fn resolved(
    tx: &mut Tx,
    tenant: Uuid,
    whom: Whom,
    unsaid: EmailVerified,
) -> Result<Resolved, StoreError> {
    const SELECT: &str = "SELECT id, email_verified, disabled_at IS NOT NULL AS is_disabled,
            (claims_at = 0 AND invite_email = email_fold) AS was_theirs FROM users
        WHERE email_fold = $1 AND tenant_id = $2
        ORDER BY email_verified IS TRUE DESC, disabled_at IS NULL DESC, seen_at DESC, created_at DESC, id LIMIT 2";
    let Whom::Email(email) = whom else {
        return Ok(Resolved {
            whom,
            passes_by_user: false,
        });
    };
    let holders: Vec<Holder> = within!(tx, c => sqlx::query_as(SELECT)
        .bind(&email)
        .bind(tenant)
        .fetch_all(c)
        .await)?;
    let owner = match &holders[..] {
        [first, ..] if first.email_verified == Some(true) => Some(first),
        [only] if only.may_own(unsaid) => Some(only),
        _ => None,
    };
    Ok(Resolved {
        passes_by_user: owner.is_none() && !holders.is_empty(),
        whom: owner.map_or(Whom::Email(email), |owner| Whom::User(owner.id)),
    })
}

impl Holder {
    /// Whether nobody says that the address is another's.
    fn may_own(&self, unsaid: EmailVerified) -> bool {
        let is_enough = unsaid == EmailVerified::Assumed || self.was_theirs;
        is_enough && self.email_verified.is_none() && !self.is_disabled
    }
}
