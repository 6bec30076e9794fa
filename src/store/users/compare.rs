//! Whether a token says anything that a user's row does not say already: most say nothing new, and writing is dear.

use std::collections::BTreeSet;

use super::{
    ClaimRules, User,
    claims::{Assigned, Rows, Said, apply},
};
use crate::{
    store::{Db, StoreError, groups, tariffs, tenants},
    verified_token::VerifiedToken,
};

/// Whether the claims of a token, as far as they count, are others than those of the row.
pub async fn differs(
    db: &Db,
    user: &User,
    token: &VerifiedToken,
    rules: &ClaimRules,
) -> Result<bool, StoreError> {
    let mut changed = user.clone();
    if !rules.may_change(token) {
        apply(&mut changed, token, &Assigned::default(), rules);
        return Ok(changed != *user);
    }
    let claims = &token.profile;
    let names = rules.names();
    let tenant = match claims.tenant_id.as_deref() {
        Some(claim) if !names.tenant_id.is_empty() => match tenants::find_claimed(db, claim).await? {
            // A new one.
            None => return Ok(true),
            tenant => tenant,
        },
        _ => None,
    };
    let downgraded = match names.downgraded_tariff.as_str() {
        "" => None,
        name => tariffs::find_named(db, name).await?,
    };
    let rows = Rows {
        tenant,
        tariff: match claims.tariff_id.as_deref() {
            Some(claim) => tariffs::find_claimed(db, claim).await?,
            None => None,
        },
        downgraded,
    };
    let assigned = Assigned::of(token, rows, rules);
    let counts = apply(&mut changed, token, &assigned, rules);
    if !counts || changed != *user {
        return Ok(counts);
    }
    let claimed = match &assigned.groups {
        Said::Nothing => return Ok(false),
        Said::Absent => BTreeSet::new(),
        Said::Is(groups) => groups::kept(groups),
    };
    let stored = groups::of_user(db, user.profile.id).await?;
    Ok(!stored.iter().map(|group| &group.name).eq(&claimed))
}
