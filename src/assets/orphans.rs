//! Contents without rows, and rows without contents.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    Assets, UploadError,
    objects::{Found, SHARDS},
};
use crate::store::{assets, server_keys};

/// Younger contents may still get their row; and after a backup of the database was restored, the contents of the days since then
/// are not lost at once, so that a newer backup finds them.
pub const ORPHAN_AGE: TimeDelta = TimeDelta::days(7);

/// Name of the key that tells databases apart.
const DATABASE_KEY: &str = "asset_store";

/// Rows that are looked at in one query.
pub const ROWS_PER_LOOK: u32 = 500;

/// What has lost its other half.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Contents older than [`ORPHAN_AGE`] that no row knows.
    pub contents: Vec<Uuid>,
    /// Rows whose content is not in the store. They are for somebody to look at: a wrong bucket, or a restored
    /// database that is newer than the contents.
    pub rows: Vec<Uuid>,
}

impl Assets {
    /// Finds what has lost its other half, a 256th of the store at a time. For a maintenance job.
    pub async fn find_orphans(&self, now: DateTime<Utc>) -> Result<Orphans, UploadError> {
        let mut orphans = Orphans::default();
        for shard in SHARDS {
            self.find_in_shard(shard, now - ORPHAN_AGE, &mut orphans).await?;
        }
        Ok(orphans)
    }

    /// Whether the store is this database's: a server that was started with another database by mistake knows none of the
    /// contents, and must not remove them all. A store that is nobody's is this database's from now on.
    pub(super) async fn is_ours(&self) -> Result<bool, UploadError> {
        let own = hex::encode(server_keys::get_or_make(&self.db, DATABASE_KEY).await?);
        let known = self.objects.database().await?;
        if known.is_none() {
            self.objects.belong_to(own.as_bytes()).await?;
        }
        Ok(known.is_none_or(|known| known == own.as_bytes()))
    }

    /// Removes the contents that no row knows, at most [`ROWS_PER_LOOK`] at a time. Returns what was found. Rows
    /// without a content are left alone, and told in the log. In the store of another database nothing is removed.
    pub async fn remove_orphans(&self, now: DateTime<Utc>) -> Result<Orphans, UploadError> {
        if !self.is_ours().await? {
            tracing::error!(
                "the store of assets is another database's (its object `database` says so): no content is removed; if the \
                 assets were moved to this database on purpose, remove that object"
            );
            return Ok(Orphans::default());
        }
        let orphans = self.find_orphans(now).await?;
        for some in orphans.contents.chunks(ROWS_PER_LOOK as usize) {
            self.objects.remove(some).await?;
        }
        if !orphans.contents.is_empty() {
            tracing::info!(
                contents = orphans.contents.len(),
                "removed contents without an asset"
            );
        }
        if !orphans.rows.is_empty() {
            tracing::warn!(
                assets = orphans.rows.len(),
                first = %orphans.rows[0],
                "assets have lost their contents"
            );
        }
        Ok(orphans)
    }

    async fn find_in_shard(
        &self,
        shard: u8,
        written_before: DateTime<Utc>,
        orphans: &mut Orphans,
    ) -> Result<(), UploadError> {
        let (before, last) = bounds(shard);
        let mut after = before;
        let mut rows = BTreeSet::new();
        // Rows first: a content that comes between the two looks is no row without content.
        loop {
            let next = assets::ids_after(&self.db, after, last, ROWS_PER_LOOK).await?;
            after = next.last().copied();
            rows.extend(next.iter().copied());
            if next.len() < ROWS_PER_LOOK as usize {
                break;
            }
        }
        let found = self.objects.list(shard).await?;
        // Looked at before the rows are asked again: who has left the list of unlisted ones has its row by then.
        let is_suspect = |found: &&Found| {
            let is_old = found.written_at < written_before;
            is_old && !rows.contains(&found.id) && !self.unlisted.contains(&found.id)
        };
        let suspects: Vec<_> = found.iter().filter(is_suspect).map(|found| found.id).collect();
        for some in suspects.chunks(ROWS_PER_LOOK as usize) {
            let listed: BTreeSet<_> = assets::existing(&self.db, some).await?.into_iter().collect();
            orphans
                .contents
                .extend(some.iter().filter(|id| !listed.contains(id)));
        }
        for content in &found {
            rows.remove(&content.id);
        }
        self.confirm_rows(rows, orphans).await
    }

    /// Rows that were deleted since they were read are none.
    async fn confirm_rows(&self, rows: BTreeSet<Uuid>, orphans: &mut Orphans) -> Result<(), UploadError> {
        let rows: Vec<_> = rows.into_iter().collect();
        for some in rows.chunks(ROWS_PER_LOOK as usize) {
            orphans.rows.extend(assets::existing(&self.db, some).await?);
        }
        Ok(())
    }
}

/// The id before the first of a shard, if there is one, and the last.
fn bounds(shard: u8) -> (Option<Uuid>, Uuid) {
    let mut last = [u8::MAX; 16];
    last[0] = shard;
    let before = shard.checked_sub(1).map(|before| {
        let mut bytes = [u8::MAX; 16];
        bytes[0] = before;
        Uuid::from_bytes(bytes)
    });
    (before, Uuid::from_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_touch_and_do_not_overlap() {
        assert_eq!(bounds(0).0, None);
        for shard in 1..=u8::MAX {
            assert_eq!(bounds(shard).0, Some(bounds(shard - 1).1));
        }
        assert_eq!(bounds(u8::MAX).1, Uuid::max());
    }
}
