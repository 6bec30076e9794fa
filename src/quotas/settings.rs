//! Settings of quotas: what one account may use.

use serde::{Deserialize, Serialize};

/// Quotas that hold where a user's tariff does not name them itself. 0: no limit.
///
/// The names are those of tariffs ([`Quota`](super::Quota)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Rooms of one user, those of events too.
    pub rooms_max: u64,
    /// Events of one user.
    pub events_max: u64,
    /// Assets of one user.
    pub assets_max: u64,
    /// Valid invite codes of one room.
    pub invites_per_room_max: u64,
    /// Rooms of one owner that live at the same time.
    pub living_rooms_max: u64,
    /// Addresses of no user that one user invites in a day.
    pub external_invitees_per_day: u64,
    /// Mails that one user brings about in a day.
    pub mails_per_day: u64,
    /// Updates of one event by mail in an hour.
    pub event_mails_per_hour: u64,
    /// Mails to one address in an hour.
    pub mails_per_address_per_hour: u64,
    /// Uploads of one user at the same time.
    pub uploads_per_user: u64,
}

impl Quotas {
    /// No limits at all.
    pub const NONE: Self = Self {
        rooms_max: 0,
        events_max: 0,
        assets_max: 0,
        invites_per_room_max: 0,
        living_rooms_max: 0,
        external_invitees_per_day: 0,
        mails_per_day: 0,
        event_mails_per_hour: 0,
        mails_per_address_per_hour: 0,
        uploads_per_user: 0,
    };
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            rooms_max: 1_000,
            events_max: 5_000,
            assets_max: 10_000,
            invites_per_room_max: 200,
            living_rooms_max: 50,
            external_invitees_per_day: 200,
            mails_per_day: 2_000,
            event_mails_per_hour: 5,
            mails_per_address_per_hour: 3,
            uploads_per_user: 8,
        }
    }
}
