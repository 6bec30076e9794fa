//! What each job does.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{EXAMPLES_MAX, Job, Parameters, Report, RunError, Tools};
use crate::{
    assets::UploadError,
    deletion::Still,
    quotas::Period,
    store::{
        StoreError,
        leftovers::{self, Leftover, Look, ROWS_MAX},
        merged_users, outbox, shared_folders, usage, void_sessions, vote_minutes,
    },
};

/// Servers read notes of merged users every few seconds; one whose database was away reads them when it is back.
const MERGES_KEPT: TimeDelta = TimeDelta::days(1);

/// Mails are committed with what they tell, so nothing younger is left alone: this is far more than a transaction takes.
const LEFT_ENTRIES_KEPT: TimeDelta = TimeDelta::days(1);

/// Does a job, or looks what it would do.
pub(super) async fn work(
    tools: &Tools,
    job: Job,
    parameters: Parameters,
    dry_run: bool,
) -> Result<Report, RunError> {
    let before = tools.clock.now() - TimeDelta::days(parameters.days.unwrap_or_default().into());
    let mut report = Report {
        job,
        dry_run,
        parameters,
        deleted: 0,
        kept: 0,
        examples: Vec::new(),
    };
    let with_assets = report.parameters.with_assets == Some(true);
    let kind = match job {
        Job::EventCleanup => Some(Leftover::EndedEvent),
        Job::AdhocEventCleanup => Some(Leftover::AdhocEvent),
        Job::InviteCleanup => Some(Leftover::DeadInvite),
        Job::RoomCleanup if with_assets => Some(Leftover::UnusedRoomWithAssets),
        Job::RoomCleanup => Some(Leftover::UnusedRoom),
        Job::UserCleanup => Some(Leftover::DisabledUser),
        Job::OutboxCleanup => {
            report.deleted = outbox_cleanup(tools, before, dry_run).await?;
            None
        }
        Job::CounterCleanup => {
            report.deleted = counter_cleanup(tools, before, dry_run).await?;
            None
        }
        Job::LoginCleanup => {
            report.deleted = login_cleanup(tools, dry_run).await?;
            None
        }
        Job::OrphanedAssets => {
            report.count(&orphaned_assets(tools, dry_run).await?);
            None
        }
        Job::SharedFolderCleanup => {
            shared_folder_cleanup(tools, &mut report).await?;
            None
        }
        Job::VoteMinutesCleanup => {
            report.deleted = vote_minutes_cleanup(tools, before, dry_run).await?;
            None
        }
    };
    if let Some(kind) = kind {
        remove_all(tools, kind, before, &mut report).await?;
        let has_folders = matches!(
            kind,
            Leftover::EndedEvent | Leftover::AdhocEvent | Leftover::DisabledUser
        );
        if has_folders && !dry_run {
            // Those of the events that have just gone; what fails stays for the job that is there for it.
            tools.deleter.sweep_folders().await?;
        }
    }
    Ok(report)
}

/// Removes leftovers of a kind, one by one.
async fn remove_all(
    tools: &Tools,
    kind: Leftover,
    before: DateTime<Utc>,
    report: &mut Report,
) -> Result<(), RunError> {
    let still = Still { kind, before };
    let mut look = Look {
        after: Uuid::nil(),
        before,
    };
    loop {
        let found = leftovers::find(&tools.db, kind, look).await?;
        let Some(last) = found.last() else {
            return Ok(());
        };
        look.after = *last;
        if report.dry_run {
            report.count(&found);
        } else if kind == Leftover::DeadInvite {
            let (number, db) = (found.len(), &tools.db);
            let deleted = leftovers::delete_dead_invites(db, found, before).await?;
            report.kept += (number - deleted.len()) as u64;
            report.count(&deleted);
        } else {
            for id in found {
                if remove(tools, id, still).await? {
                    report.count(&[id]);
                } else {
                    report.kept += 1;
                }
            }
        }
    }
}

impl Report {
    fn count(&mut self, ids: &[Uuid]) {
        self.deleted += ids.len() as u64;
        let free = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(ids.iter().take(free));
    }
}

/// Whether it was deleted; false when it stays for now.
async fn remove(tools: &Tools, id: Uuid, still: Still) -> Result<bool, StoreError> {
    match still.kind {
        Leftover::EndedEvent | Leftover::AdhocEvent => tools.remove_event(id, Some(still)).await,
        Leftover::UnusedRoom | Leftover::UnusedRoomWithAssets => {
            tools.deleter.unneeded_room(id, Some(still)).await
        }
        Leftover::DisabledUser => tools.remove_user(id, still.before).await,
        Leftover::DeadInvite => Ok(false),
    }
}

async fn orphaned_assets(tools: &Tools, dry_run: bool) -> Result<Vec<Uuid>, UploadError> {
    let now = tools.clock.now();
    let orphans = if dry_run {
        tools.assets.find_orphans(now).await?
    } else {
        tools.assets.remove_orphans(now).await?
    };
    Ok(orphans.contents)
}

/// `deleted` counts folders that the storage provider has deleted, `kept` those that wait.
async fn shared_folder_cleanup(tools: &Tools, report: &mut Report) -> Result<(), StoreError> {
    if report.dry_run {
        report.deleted = shared_folders::count_discarded(&tools.db).await?;
        return Ok(());
    }
    let swept = tools.deleter.sweep_folders().await?;
    (report.deleted, report.kept) = (swept.deleted, swept.kept);
    Ok(())
}

async fn outbox_cleanup(tools: &Tools, before: DateTime<Utc>, dry_run: bool) -> Result<u64, StoreError> {
    if dry_run {
        return outbox::count_done(&tools.db, before).await;
    }
    let mut deleted = 0;
    loop {
        let some = outbox::delete_done(&tools.db, before, ROWS_MAX).await?;
        deleted += some;
        if some < u64::from(ROWS_MAX) {
            break;
        }
    }
    // They are part of what was deleted, so they count for nothing.
    let before = tools.clock.now() - LEFT_ENTRIES_KEPT;
    while outbox::delete_left_entries(&tools.db, before, ROWS_MAX).await? == u64::from(ROWS_MAX) {}
    Ok(deleted)
}

async fn counter_cleanup(tools: &Tools, before: DateTime<Utc>, dry_run: bool) -> Result<u64, StoreError> {
    // What is still counted of this day stays, however few days are asked for.
    let before = before.min(Period::Day.start(tools.clock.now()));
    if dry_run {
        return usage::count_old(&tools.db, before).await;
    }
    let mut deleted = 0;
    loop {
        let some = usage::delete_old(&tools.db, before, ROWS_MAX).await?;
        deleted += some;
        if some < u64::from(ROWS_MAX) {
            return Ok(deleted);
        }
    }
}

async fn vote_minutes_cleanup(
    tools: &Tools,
    before: DateTime<Utc>,
    dry_run: bool,
) -> Result<u64, StoreError> {
    if dry_run {
        return vote_minutes::count_old(&tools.db, before).await;
    }
    let mut deleted = 0;
    loop {
        let some = vote_minutes::delete_old(&tools.db, before, ROWS_MAX).await?;
        deleted += some;
        if some < u64::from(ROWS_MAX) {
            return Ok(deleted);
        }
    }
}

/// What servers read of identities, once no server needs it any more.
async fn login_cleanup(tools: &Tools, dry_run: bool) -> Result<u64, StoreError> {
    let now = tools.clock.now();
    let (logins_before, merges_before) = (now - tools.ended_logins_kept, now - MERGES_KEPT);
    if dry_run {
        let logins = void_sessions::count_old(&tools.db, logins_before).await?;
        return Ok(logins + merged_users::count_old(&tools.db, merges_before).await?);
    }
    let mut deleted = 0;
    loop {
        let some = void_sessions::delete_old(&tools.db, logins_before, ROWS_MAX).await?;
        deleted += some;
        if some < u64::from(ROWS_MAX) {
            break;
        }
    }
    loop {
        let some = merged_users::delete_old(&tools.db, merges_before, ROWS_MAX).await?;
        deleted += some;
        if some < u64::from(ROWS_MAX) {
            return Ok(deleted);
        }
    }
}
