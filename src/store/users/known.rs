//! Who is known here already, of those whom the identity provider's directory shows.

use std::collections::HashSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::store::{
    Db, StoreError,
    rows::{Columns, from_columns},
};

/// Those of some people who are known here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Their subjects: whoever has a row, whatever became of it.
    pub subjects: HashSet<String>,
    /// Folded addresses of users of the tenant who are not locked out, as far as they are theirs.
    pub addresses: HashSet<String>,
}

struct Row {
    subject: String,
    email_fold: String,
    is_same_issuer: bool,
    has_tenants_address: bool,
}

impl Row {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self {
            subject: row.col("subject")?,
            email_fold: row.col("email_fold")?,
            is_same_issuer: row.col("is_same_issuer")?,
            has_tenants_address: row.col("has_tenants_address")?,
        })
    }
}
from_columns!(Row);

/// Who of these people, subjects of an issuer with their folded addresses, has a row here, of whatever tenant, and whose
/// address a user of the tenant has. For some hundreds at the most.
pub async fn known(
    db: &Db,
    tenant: Uuid,
    issuer: &str,
    people: &[(&str, &str)],
) -> Result<Known, StoreError> {
    let mut known = Known::default();
    if people.is_empty() {
        return Ok(known);
    }
    let rows: Vec<Row> = read!(db, c => {
        let mut select = QueryBuilder::new("SELECT u.subject, u.email_fold, u.issuer = ");
        select.push_bind(issuer).push(" AS is_same_issuer, ");
        select.push("u.disabled_at IS NULL AND u.email_verified IS NOT FALSE AND u.tenant_id = ");
        select.push_bind(tenant).push(" AS has_tenants_address FROM users u WHERE u.issuer = ");
        select.push_bind(issuer).push(" AND u.subject IN (");
        let mut list = select.separated(", ");
        for (subject, _) in people {
            list.push_bind(*subject);
        }
        select.push(") OR u.tenant_id = ").push_bind(tenant);
        select.push(" AND u.disabled_at IS NULL AND u.email_verified IS NOT FALSE AND u.email_fold IN (");
        let mut list = select.separated(", ");
        for (_, address) in people {
            list.push_bind(*address);
        }
        select.push(")").build_query_as().fetch_all(c).await
    })?;
    for row in rows {
        if row.has_tenants_address {
            known.addresses.insert(row.email_fold);
        }
        if row.is_same_issuer {
            known.subjects.insert(row.subject);
        }
    }
    Ok(known)
}

/// Whether a user of the tenant has this folded address, verified or not, locked out or not.
pub async fn has_address(db: &Db, tenant: Uuid, email: &str) -> Result<bool, StoreError> {
    const SELECT: &str = "SELECT id FROM users WHERE email_fold = $1 AND tenant_id = $2 LIMIT 1";
    let found: Option<Uuid> = read!(db, c => sqlx::query_scalar(SELECT)
        .bind(email)
        .bind(tenant)
        .fetch_optional(c)
        .await)?;
    Ok(found.is_some())
}
