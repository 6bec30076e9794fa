//! How a room takes people who come by a link.

use colloquy_actors::protocol::meeting;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rows::Columns;

/// How a room takes people who come by a link. Callers by telephone and recorders are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuestAccess {
    /// As all others.
    #[default]
    DirectAccess,
    /// They wait until a moderator accepts them, also while nobody else waits.
    WaitingRoom,
    /// Invite codes open nothing.
    Disabled,
}

impl GuestAccess {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DirectAccess => "direct_access",
            Self::WaitingRoom => "waiting_room",
            Self::Disabled => "disabled",
        }
    }

    /// Whether who comes by a link is inside at once. `waiting_room` is the room's own, in which others wait, too.
    #[must_use]
    pub const fn leads_straight_in(self, waiting_room: bool) -> bool {
        matches!(self, Self::DirectAccess) && !waiting_room
    }

    /// Reads what is stored; what this version does not know lets nobody in.
    fn parse(text: &str) -> Self {
        let known = [Self::DirectAccess, Self::WaitingRoom, Self::Disabled];
        let found = known.into_iter().find(|access| access.as_str() == text);
        found.unwrap_or(Self::Disabled)
    }

    pub(super) fn read(row: &impl Columns) -> sqlx::Result<Self> {
        Ok(Self::parse(&row.col::<String>("room_guest_access")?))
    }
}

impl From<GuestAccess> for meeting::GuestAccess {
    fn from(access: GuestAccess) -> Self {
        match access {
            GuestAccess::DirectAccess => Self::DirectAccess,
            GuestAccess::WaitingRoom => Self::WaitingRoom,
            GuestAccess::Disabled => Self::Disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back_and_what_is_not_known_lets_nobody_in() {
        for access in [
            GuestAccess::DirectAccess,
            GuestAccess::WaitingRoom,
            GuestAccess::Disabled,
        ] {
            assert_eq!(GuestAccess::parse(access.as_str()), access);
            assert_eq!(serde_json::to_value(access).unwrap(), access.as_str());
        }
        assert_eq!(GuestAccess::parse("by_appointment"), GuestAccess::Disabled);
    }

    #[test]
    fn guests_come_straight_in_where_neither_they_nor_all_wait() {
        assert!(GuestAccess::DirectAccess.leads_straight_in(false));
        assert!(!GuestAccess::DirectAccess.leads_straight_in(true));
        for access in [GuestAccess::WaitingRoom, GuestAccess::Disabled] {
            for waiting_room in [false, true] {
                assert!(!access.leads_straight_in(waiting_room), "{access:?}");
            }
        }
    }
}
