//! Jobs of maintenance, by name.

use serde::{Deserialize, Serialize};

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    EventCleanup,
    AdhocEventCleanup,
    InviteCleanup,
    RoomCleanup,
    UserCleanup,
    OrphanedAssets,
    OutboxCleanup,
    CounterCleanup,
    LoginCleanup,
    SharedFolderCleanup,
    VoteMinutesCleanup,
}

impl Job {
    pub const ALL: [Self; 11] = [
        Self::EventCleanup,
        Self::AdhocEventCleanup,
        Self::InviteCleanup,
        Self::RoomCleanup,
        Self::UserCleanup,
        Self::OrphanedAssets,
        Self::OutboxCleanup,
        Self::CounterCleanup,
        Self::LoginCleanup,
        Self::SharedFolderCleanup,
        Self::VoteMinutesCleanup,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventCleanup => "event_cleanup",
            Self::AdhocEventCleanup => "adhoc_event_cleanup",
            Self::InviteCleanup => "invite_cleanup",
            Self::RoomCleanup => "room_cleanup",
            Self::UserCleanup => "user_cleanup",
            Self::OrphanedAssets => "orphaned_assets",
            Self::OutboxCleanup => "outbox_cleanup",
            Self::CounterCleanup => "counter_cleanup",
            Self::LoginCleanup => "login_cleanup",
            Self::SharedFolderCleanup => "shared_folder_cleanup",
            Self::VoteMinutesCleanup => "vote_minutes_cleanup",
        }
    }

    /// The job of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// What it does, for people.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::EventCleanup => {
                "deletes events, with their rooms, whose last occurrence ended that many days ago"
            }
            Self::AdhocEventCleanup => {
                "deletes events of meetings that began at once, with their rooms, made that many days ago"
            }
            Self::InviteCleanup => "deletes invite links that are expired or inactive for that many days",
            Self::RoomCleanup => {
                "deletes rooms without an event in which no meeting began for that many days; those with assets only \
                 with_assets"
            }
            Self::UserCleanup => {
                "deletes users who are disabled for that many days, with their events and rooms; what they did in \
                 others' is handed over to the owners"
            }
            Self::OrphanedAssets => {
                "removes contents of the asset store, older than a week, of which no asset knows; assets that have lost their \
                 contents are told in the log"
            }
            Self::OutboxCleanup => "deletes mails that were sent or given up that many days ago",
            Self::CounterCleanup => "deletes what was counted for quotas per day or hour, that many days ago",
            Self::LoginCleanup => {
                "deletes notes of logins that have ended, when no token of theirs can be good any more, and of merged users"
            }
            Self::SharedFolderCleanup => {
                "deletes at the storage provider the folders of events that are gone, where that did not succeed at once"
            }
            Self::VoteMinutesCleanup => "deletes the minutes of formal votes that ended that many days ago",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_known_by_their_names() {
        for job in Job::ALL {
            assert_eq!(Job::parse(job.name()), Some(job));
            assert_eq!(serde_json::to_value(job).unwrap(), job.name());
        }
        assert_eq!(Job::parse("coffee"), None);
    }
}
