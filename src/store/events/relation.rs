//! An event as one user sees it: with its room, its folder, and what the user has to do with it.

use uuid::Uuid;

use super::{Event, event_columns};
use crate::{
    permissions::{Operation, Standing, Subject, check},
    secrets::Secret,
    store::{
        guest_access::GuestAccess,
        relations::standing,
        rows::{Columns, from_columns},
        tariffs::{Tariff, tariff_columns},
        users::profile_columns,
    },
};

/// How somebody answered an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteStatus {
    Pending,
    Accepted,
    Tentative,
    Declined,
}

/// As what somebody is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteRole {
    User,
    Guest,
    Moderator,
}

/// An event, and how a user stands to it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenEvent {
    pub event: Event,
    pub room: EventRoom,
    /// Of the creator.
    pub tariff: Tariff,
    pub folder: Option<FolderLinks>,
    /// The creator counts as one who accepted.
    pub invite_status: InviteStatus,
    pub standing: Standing,
    pub is_favorite: bool,
}

/// What an event tells of its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRoom {
    pub id: Uuid,
    pub password: Option<Secret>,
    pub waiting_room: bool,
    pub guest_access: GuestAccess,
    pub e2e_encryption: bool,
    pub sip: Option<SipAccess>,
}

/// What a caller types to reach a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipAccess {
    pub id: String,
    pub password: Secret,
}

/// The two ways into a shared folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderLinks {
    pub read: FolderAccess,
    pub write: FolderAccess,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderAccess {
    pub url: String,
    pub password: Secret,
}

impl InviteStatus {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Accepted, Self::Tentative, Self::Declined];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Tentative => "tentative",
            Self::Declined => "declined",
        }
    }

    /// `None` for a status that is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl InviteRole {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Guest => "guest",
            Self::Moderator => "moderator",
        }
    }

    /// `None` for a role that is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Guest, Self::Moderator]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

impl SeenEvent {
    /// Whether the user may change the event.
    #[must_use]
    pub fn can_edit(&self) -> bool {
        check(Subject::User(self.standing), Operation::ChangeEvent).is_ok()
    }

    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let status: String = row.col("my_status")?;
        let standing: String = row.col("standing")?;
        Ok(Self {
            event: Event::read(row)?,
            room: EventRoom::read(row)?,
            tariff: Tariff::read(row)?,
            folder: FolderLinks::read(row)?,
            invite_status: InviteStatus::parse(&status).unwrap_or(InviteStatus::Pending),
            standing: Standing::parse(&standing),
            is_favorite: row.col("is_favorite")?,
        })
    }
}
from_columns!(SeenEvent);

impl EventRoom {
    fn read(row: &impl Columns) -> sqlx::Result<Self> {
        let sip_id: Option<String> = row.col("sip_id")?;
        let sip_password: Option<String> = row.col("sip_password")?;
        Ok(Self {
            id: row.col("event_room_id")?,
            password: row.col::<Option<String>>("room_password")?.map(Secret::new),
            waiting_room: row.col("room_waiting_room")?,
            guest_access: GuestAccess::read(row)?,
            e2e_encryption: row.col("room_e2e_encryption")?,
            sip: sip_id.zip(sip_password).map(|(id, password)| SipAccess {
                id,
                password: Secret::new(password),
            }),
        })
    }
}

impl FolderLinks {
    fn read(row: &impl Columns) -> sqlx::Result<Option<Self>> {
        Ok(FolderAccess::read(row, "read")?
            .zip(FolderAccess::read(row, "write")?)
            .map(|(read, write)| Self { read, write }))
    }
}

impl FolderAccess {
    fn read(row: &impl Columns, way: &str) -> sqlx::Result<Option<Self>> {
        let url: Option<String> = row.col(&format!("folder_{way}_url"))?;
        let password: Option<String> = row.col(&format!("folder_{way}_password"))?;
        Ok(url.zip(password).map(|(url, password)| Self {
            url,
            password: Secret::new(password),
        }))
    }
}

/// What user `$1` has to do with event `v`: the invitation `ei` and the favourite `f`.
macro_rules! relation_of_user {
    () => {
        "LEFT JOIN event_invites ei ON ei.event_id = v.id AND ei.user_id = $1
         LEFT JOIN event_favorites f ON f.event_id = v.id AND f.user_id = $1 "
    };
}
pub(super) use relation_of_user;

/// The condition of an event `v` that user `$1` sees: none of another tenant. (Written with an equals sign, the tenant would lead
/// SQLite to look through all of its events.)
macro_rules! is_seen {
    () => {
        "v.id IN (SELECT id FROM events WHERE created_by = $1
                  UNION ALL SELECT event_id FROM event_invites WHERE user_id = $1)
         AND (v.created_by = $1 OR NOT (v.tenant_id <> (SELECT tenant_id FROM users WHERE id = $1))) "
    };
}
pub(super) use is_seen;

/// Events as user `$1` sees them; `$which` are the texts of a condition and what follows it.
macro_rules! select_seen {
    ($($which:expr),+ $(,)?) => {
        concat!(
            "SELECT ",
            event_columns!(),
            ", ",
            tariff_columns!(),
            ", r.password AS room_password, r.waiting_room AS room_waiting_room,
              r.guest_access AS room_guest_access, r.e2e_encryption AS room_e2e_encryption,
              s.sip_id AS sip_id, s.password AS sip_password,
              d.read_url AS folder_read_url, d.read_password AS folder_read_password,
              d.write_url AS folder_write_url, d.write_password AS folder_write_password,
              CASE WHEN v.created_by = $1 THEN 'accepted' ELSE ei.status END AS my_status, ",
            standing!("v"),
            ", f.event_id IS NOT NULL AS is_favorite
             FROM events v
             JOIN users c ON c.id = v.created_by
             JOIN users e ON e.id = v.updated_by
             JOIN tariffs t ON t.id = c.tariff_id
             JOIN rooms r ON r.id = v.room_id
             LEFT JOIN sip_configs s ON s.room_id = v.room_id AND NOT r.e2e_encryption
             LEFT JOIN shared_folders d ON d.event_id = v.id ",
            relation_of_user!(),
            "WHERE ",
            $($which),+
        )
    };
}
pub(super) use select_seen;

/// The event `$2` as user `$1` sees it.
pub(super) const SEEN_BY_ID: &str = select_seen!(is_seen!(), "AND v.id = $2");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_names_are_read_back() {
        for status in InviteStatus::ALL {
            assert_eq!(InviteStatus::parse(status.as_str()), Some(status));
        }
        for role in [InviteRole::User, InviteRole::Guest, InviteRole::Moderator] {
            assert_eq!(InviteRole::parse(role.as_str()), Some(role));
        }
        assert_eq!(InviteStatus::parse("maybe"), None);
        assert_eq!(InviteRole::parse("owner"), None);
    }
}
