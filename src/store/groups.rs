//! Groups of users, named by the issuer, each within one tenant.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Db, StoreError, Tx,
    rows::{Columns, from_columns},
    text::cleaned,
};

/// Groups per user; further ones in a token do not count.
pub const GROUPS_PER_USER_MAX: usize = 100;

const NAME_CHARS_MAX: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: Uuid,
    pub name: String,
}

impl Group {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.col("id")?,
            name: row.col("name")?,
        })
    }
}
from_columns!(Group);

const OF_USER: &str = "SELECT g.id, g.name FROM groups g
    JOIN user_groups ug ON ug.group_id = g.id WHERE ug.user_id = $1 ORDER BY g.name";

/// The groups of a user, ordered by name.
pub async fn of_user(db: &Db, user: Uuid) -> Result<Vec<Group>, StoreError> {
    Ok(read!(db, c => sqlx::query_as(OF_USER).bind(user).fetch_all(c).await)?)
}

/// Those of the groups that a token names which count: the first by their names, as issuers list them in any order.
pub(super) fn kept(claimed: &[String]) -> BTreeSet<String> {
    let names: BTreeSet<_> = claimed
        .iter()
        .filter_map(|name| cleaned(Some(name), NAME_CHARS_MAX))
        .collect();
    names.into_iter().take(GROUPS_PER_USER_MAX).collect()
}

/// Moves the user's groups to those of the same names of another tenant.
pub(super) async fn move_to(tx: &mut Tx, user: Uuid, tenant: Uuid) -> Result<(), StoreError> {
    let groups: Vec<Group> = within!(&mut *tx, c => sqlx::query_as(OF_USER).bind(user).fetch_all(c).await)?;
    let names: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    replace(tx, user, tenant, &names).await
}

/// Makes the named groups of `tenant` the user's only ones.
pub(super) async fn replace(
    tx: &mut Tx,
    user: Uuid,
    tenant: Uuid,
    claimed: &[String],
) -> Result<(), StoreError> {
    const CLEAR: &str = "DELETE FROM user_groups WHERE user_id = $1";
    // Ordered, so that two transactions lock rows in the same order.
    let names = kept(claimed);
    within!(&mut *tx, c => sqlx::query(CLEAR).bind(user).execute(c).await.map(drop))?;
    if names.is_empty() {
        return Ok(());
    }
    within!(&mut *tx, c => QueryBuilder::new("INSERT INTO groups (id, tenant_id, name) ")
        .push_values(&names, |mut row, name| {
            row.push_bind(Uuid::new_v4()).push_bind(tenant).push_bind(name);
        })
        .push(" ON CONFLICT (tenant_id, name) DO NOTHING")
        .build()
        .execute(c)
        .await
        .map(drop))?;
    within!(tx, c => {
        let mut insert = QueryBuilder::new("INSERT INTO user_groups (user_id, group_id) SELECT ");
        insert.push_bind(user).push(", id FROM groups WHERE tenant_id = ").push_bind(tenant).push(" AND name IN (");
        let mut list = insert.separated(", ");
        for name in &names {
            list.push_bind(name);
        }
        insert.push(")").build().execute(c).await.map(drop)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_by_name_count_in_whatever_order_they_come() {
        let mut claimed: Vec<_> = (0..150).map(|number| format!("group {number:03}")).collect();
        let first = kept(&claimed);
        claimed.reverse();
        assert_eq!(kept(&claimed), first);
        assert_eq!(first.len(), GROUPS_PER_USER_MAX);
        assert!(first.contains("group 099"));
    }
}
