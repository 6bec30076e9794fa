//! Rows in SQLite or PostgreSQL: one SQL text per query, one file per entity. No SQL stands anywhere else.
//!
//! All transactions lock in one order, or two of them would wait for each other on PostgreSQL: a user's row (one at most:
//! of whoever acts, or of whoever owns what is deleted), an invited address, the event, the room, what belongs to these,
//! counters, the addresses of mails. Whatever deletes a room takes its owner first ([`usage::take_owner_of_room`]), since
//! it changes the storage that the owner uses.

/// Expands one reading query for both databases; `$executor` is a connection. It ends in time.
macro_rules! read {
    ($db:expr, $executor:ident => $query:expr) => {
        match $db {
            $crate::store::Db::Sqlite { read: pool, .. } => lent!(pool, $executor => $query),
            $crate::store::Db::Postgres(pool) => lent!(pool, $executor => $query),
        }
    };
}

/// Expands one query outside of transactions, on a connection of a pool. It ends in time.
macro_rules! lent {
    ($pool:expr, $executor:ident => $query:expr) => {
        // Boxed: it would make the futures of all callers large.
        $crate::store::lease::in_time(Box::pin(async {
            let mut lease = $crate::store::lease::Lease::to_read($pool).await?;
            let $executor = &mut *lease;
            let outcome = $query;
            lease.settle(outcome)
        }))
        .await
    };
}

/// Expands one query inside a transaction for both databases; `$executor` is its connection.
macro_rules! within {
    ($tx:expr, $executor:ident => $query:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(transaction) => {
                let $executor = &mut **transaction;
                $query
            }
            $crate::store::Tx::Postgres(transaction) => {
                let $executor = &mut **transaction;
                $query
            }
        }
    };
}

/// Pushes ids to a query builder, parted by commas.
macro_rules! push_ids {
    ($query:expr, $ids:expr) => {{
        let mut list = $query.separated(", ");
        for id in $ids {
            list.push_bind(*id);
        }
    }};
}

pub mod address_hash;
pub mod admitted;
pub mod assets;
pub mod calendar_feeds;
mod change;
pub mod clock_probe;
mod connect;
pub mod connections;
mod db;
pub mod deleted_rooms;
pub mod disabled_subjects;
pub mod error;
pub mod event_favorites;
pub mod event_invites;
pub mod events;
pub mod former_issuers;
pub mod groups;
pub mod guest_access;
mod interrupt;
pub mod invites;
pub mod job_leases;
mod lease;
pub mod leftovers;
mod lock;
pub mod mail_refusals;
pub mod merged_users;
mod migrations;
pub mod outbox;
pub mod relations;
pub mod room_events;
pub mod rooms;
mod rows;
pub mod server_keys;
pub mod shared_folders;
pub mod sip_configs;
pub mod streaming_targets;
pub mod tariffs;
pub mod tenants;
mod text;
mod text_forms;
mod time;
pub mod usage;
pub mod users;
pub mod void_sessions;
pub mod vote_minutes;
pub mod write_probe;

use chrono::{DateTime, Utc};

pub use change::Change;
pub use db::{Db, Tx, unbroken, unknown_outcomes};
pub use error::{StoreError, Unique};
pub use lease::{Lease, TIME_LIMIT, held, sharing_time_limit};
pub use lock::{ServerLock, Sharing};
pub use time::{TIME_MAX, TIME_MIN, micros};

/// Ids that one query names, well below the databases' limits of parameters.
const IDS_PER_QUERY: usize = 500;

/// A window of a list, counted in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub limit: u32,
    pub offset: u64,
}

impl Window {
    fn limit(self) -> i64 {
        i64::from(self.limit)
    }

    fn offset(self) -> i64 {
        i64::try_from(self.offset).unwrap_or(i64::MAX)
    }
}

/// A window of a list that begins with the newest, as the list was at a time: what has come since shifts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestFirst {
    pub window: Window,
    pub as_of: DateTime<Utc>,
}

impl From<Window> for NewestFirst {
    fn from(window: Window) -> Self {
        Self {
            window,
            as_of: TIME_MAX,
        }
    }
}

/// One window of a list, and how many rows the whole list has.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    pub rows: Vec<T>,
    pub total: u64,
}
