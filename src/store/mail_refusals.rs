//! Addresses whose owners want no mail about events.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::address_hash::AddressHash;
use super::{Db, StoreError, Tx, micros};

/// Addresses that are asked for by one statement, well below the databases' limits of parameters.
const ASKED_MAX: usize = 500;

/// Expands the query for those of some addresses that stand here.
macro_rules! select_among {
    ($executor:expr, $addresses:expr) => {{
        let mut select =
            sqlx::QueryBuilder::new("SELECT address_hash FROM mail_refusals WHERE address_hash IN (");
        let mut list = select.separated(", ");
        for address in $addresses {
            list.push_bind(address.as_bytes().to_vec());
        }
        select.push(")").build_query_scalar().fetch_all($executor).await
    }};
}

/// Remembers that an address wants no mail. Twice is once.
pub async fn add(db: &Db, address: AddressHash, now: DateTime<Utc>) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO mail_refusals (address_hash, refused_at) VALUES ($1, $2)
        ON CONFLICT (address_hash) DO NOTHING";
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(INSERT)
                .bind(address.as_bytes())
                .bind(micros(now))
                .execute(c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}

/// Forgets it again.
pub async fn remove(db: &Db, address: AddressHash) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM mail_refusals WHERE address_hash = $1";
    db.transaction(move |tx| {
        Box::pin(async move {
            within!(tx, c => sqlx::query(DELETE).bind(address.as_bytes()).execute(c).await.map(drop))?;
            Ok(())
        })
    })
    .await
}

/// Whether an address wants no mail.
pub async fn is_refused(db: &Db, address: AddressHash) -> Result<bool, StoreError> {
    Ok(!among(db, &[address]).await?.is_empty())
}

/// Those of these addresses that want no mail.
pub async fn among(db: &Db, addresses: &[AddressHash]) -> Result<HashSet<AddressHash>, StoreError> {
    let mut found = HashSet::new();
    for some in addresses.chunks(ASKED_MAX) {
        let rows: Vec<Vec<u8>> = read!(db, c => select_among!(c, some))?;
        found.extend(hashes(&rows));
    }
    Ok(found)
}

/// The same inside a transaction.
pub async fn within(tx: &mut Tx, addresses: &[AddressHash]) -> Result<HashSet<AddressHash>, StoreError> {
    let mut found = HashSet::new();
    for some in addresses.chunks(ASKED_MAX) {
        let rows: Vec<Vec<u8>> = within!(&mut *tx, c => select_among!(c, some))?;
        found.extend(hashes(&rows));
    }
    Ok(found)
}

fn hashes(rows: &[Vec<u8>]) -> impl Iterator<Item = AddressHash> {
    rows.iter().filter_map(|row| AddressHash::from_bytes(row))
}
