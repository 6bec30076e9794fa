//! The quotas that there are: what one account may use, by its tariff, else by the server's settings.

mod settings;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::settings::Quotas;

/// What a tariff may limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// Bytes of assets of one user.
    MaxStorage,
    /// Assets of one user.
    AssetsMax,
    /// Seconds that a meeting lasts.
    RoomTimeLimitSecs,
    /// People in a room.
    RoomParticipantLimit,
    /// Rooms of one user, those of events too.
    RoomsMax,
    /// Events of one user.
    EventsMax,
    /// Valid invite codes of one room.
    InvitesPerRoomMax,
    /// Rooms of one owner that live at the same time.
    LivingRoomsMax,
    /// Addresses of no user that one user invites in a day.
    ExternalInviteesPerDay,
    /// Mails that one user brings about in a day.
    MailsPerDay,
    /// Updates of one event by mail in an hour.
    EventMailsPerHour,
    /// Mails to one address in an hour.
    MailsPerAddressPerHour,
    /// Uploads of one user at the same time.
    UploadsPerUser,
}

impl AsRef<str> for Quota {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

/// For how long use is counted before it begins at nothing again, by the clock in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Hour,
    Day,
}

impl Quota {
    pub const ALL: [Self; 13] = [
        Self::MaxStorage,
        Self::AssetsMax,
        Self::RoomTimeLimitSecs,
        Self::RoomParticipantLimit,
        Self::RoomsMax,
        Self::EventsMax,
        Self::InvitesPerRoomMax,
        Self::LivingRoomsMax,
        Self::ExternalInviteesPerDay,
        Self::MailsPerDay,
        Self::EventMailsPerHour,
        Self::MailsPerAddressPerHour,
        Self::UploadsPerUser,
    ];

    /// The largest value: clients and databases have signed numbers.
    pub const VALUE_MAX: u64 = i64::MAX.unsigned_abs();

    /// As tariffs, settings and clients call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxStorage => "max_storage",
            Self::AssetsMax => "assets_max",
            Self::RoomTimeLimitSecs => "room_time_limit_secs",
            Self::RoomParticipantLimit => "room_participant_limit",
            Self::RoomsMax => "rooms_max",
            Self::EventsMax => "events_max",
            Self::InvitesPerRoomMax => "invites_per_room_max",
            Self::LivingRoomsMax => "living_rooms_max",
            Self::ExternalInviteesPerDay => "external_invitees_per_day",
            Self::MailsPerDay => "mails_per_day",
            Self::EventMailsPerHour => "event_mails_per_hour",
            Self::MailsPerAddressPerHour => "mails_per_address_per_hour",
            Self::UploadsPerUser => "uploads_per_user",
        }
    }

    /// The quota of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.name() == name)
    }

    /// How often use begins at nothing again; `None`: never, it is what there is at a time.
    #[must_use]
    pub const fn period(self) -> Option<Period> {
        match self {
            Self::ExternalInviteesPerDay | Self::MailsPerDay => Some(Period::Day),
            Self::EventMailsPerHour | Self::MailsPerAddressPerHour => Some(Period::Hour),
            Self::MaxStorage
            | Self::AssetsMax
            | Self::RoomTimeLimitSecs
            | Self::RoomParticipantLimit
            | Self::RoomsMax
            | Self::EventsMax
            | Self::InvitesPerRoomMax
            | Self::LivingRoomsMax
            | Self::UploadsPerUser => None,
        }
    }

    /// What the settings say; 0: no limit. Of the quotas that only tariffs have it is always that.
    #[must_use]
    pub const fn default_of(self, settings: &Quotas) -> u64 {
        match self {
            Self::MaxStorage | Self::RoomTimeLimitSecs | Self::RoomParticipantLimit => 0,
            Self::AssetsMax => settings.assets_max,
            Self::RoomsMax => settings.rooms_max,
            Self::EventsMax => settings.events_max,
            Self::InvitesPerRoomMax => settings.invites_per_room_max,
            Self::LivingRoomsMax => settings.living_rooms_max,
            Self::ExternalInviteesPerDay => settings.external_invitees_per_day,
            Self::MailsPerDay => settings.mails_per_day,
            Self::EventMailsPerHour => settings.event_mails_per_hour,
            Self::MailsPerAddressPerHour => settings.mails_per_address_per_hour,
            Self::UploadsPerUser => settings.uploads_per_user,
        }
    }

    /// The least that a tariff may say. A meeting of nobody or of no time would be none.
    #[must_use]
    pub const fn least(self) -> u64 {
        match self {
            Self::RoomTimeLimitSecs | Self::RoomParticipantLimit => 1,
            _ => 0,
        }
    }

    /// Whether 0 in a tariff says that there is no limit. No byte of storage is a limit.
    #[must_use]
    pub const fn is_unlimited_by_zero(self) -> bool {
        !matches!(
            self,
            Self::MaxStorage | Self::RoomTimeLimitSecs | Self::RoomParticipantLimit
        )
    }

    /// Whether it says something of meetings and their rooms, and not of what the owner may do elsewhere: this is shown to
    /// whoever is in the room.
    #[must_use]
    pub const fn is_of_meetings(self) -> bool {
        matches!(
            self,
            Self::MaxStorage | Self::RoomTimeLimitSecs | Self::RoomParticipantLimit
        )
    }

    /// What holds for somebody with these quotas in the tariff; `None`: no limit.
    #[must_use]
    pub fn limit(self, of_tariff: &BTreeMap<String, u64>, settings: &Quotas) -> Option<u64> {
        let of_tariff = of_tariff.get(self.name()).copied();
        let unlimited = |limit: u64| limit == 0 && (of_tariff.is_none() || self.is_unlimited_by_zero());
        let limit = of_tariff.unwrap_or_else(|| self.default_of(settings));
        Some(limit).filter(|limit| !unlimited(*limit))
    }
}

impl Period {
    /// When the period that `now` is in began.
    #[must_use]
    pub fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let secs = self.length().num_seconds();
        let start = now.timestamp().div_euclid(secs) * secs;
        DateTime::from_timestamp(start, 0).unwrap_or(now)
    }

    /// Seconds until the next one begins, at least one.
    #[must_use]
    pub fn secs_left(self, now: DateTime<Utc>) -> u64 {
        let left = self.start(now) + self.length() - now;
        // Rounded up: whoever waits that long is in the next period.
        let secs = left.num_milliseconds().unsigned_abs().div_ceil(1_000);
        secs.max(1)
    }

    const fn length(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quota_has_a_name_of_its_own_and_is_found_by_it() {
        for quota in Quota::ALL {
            assert_eq!(Quota::parse(quota.name()), Some(quota));
        }
        assert_eq!(Quota::parse("rooms"), None);
    }

    #[test]
    fn the_settings_have_a_key_for_each_quota_that_is_not_only_of_tariffs() {
        let settings = serde_json::to_value(Quotas::default()).unwrap();
        for quota in Quota::ALL {
            let key = settings.get(quota.name()).and_then(serde_json::Value::as_u64);
            assert_eq!(key.unwrap_or_default(), quota.default_of(&Quotas::default()));
            assert_eq!(key.is_some(), quota.is_unlimited_by_zero(), "{quota:?}");
        }
        assert_eq!(
            settings.as_object().unwrap().len(),
            Quota::ALL
                .iter()
                .filter(|quota| quota.is_unlimited_by_zero())
                .count()
        );
    }

    #[test]
    fn the_tariff_goes_before_the_settings_and_zero_is_no_limit() {
        let settings = Quotas {
            rooms_max: 5,
            events_max: 0,
            ..Quotas::default()
        };
        let limit = |quota: Quota, value: Option<u64>| {
            let of_tariff = value.map(|value| (quota.name().to_owned(), value));
            quota.limit(&of_tariff.into_iter().collect(), &settings)
        };
        assert_eq!(limit(Quota::RoomsMax, None), Some(5));
        assert_eq!(limit(Quota::RoomsMax, Some(7)), Some(7));
        assert_eq!(limit(Quota::RoomsMax, Some(0)), None);
        assert_eq!(limit(Quota::EventsMax, None), None);
        assert_eq!(limit(Quota::EventsMax, Some(1)), Some(1));
        assert_eq!(limit(Quota::MaxStorage, None), None);
        assert_eq!(limit(Quota::MaxStorage, Some(0)), Some(0), "nothing at all");
    }

    #[test]
    fn periods_follow_the_clock() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2027-03-01T22:59:58.500Z");
        assert_eq!(Period::Day.start(now), at("2027-03-01T00:00:00Z"));
        assert_eq!(Period::Hour.start(now), at("2027-03-01T22:00:00Z"));
        assert_eq!(
            (Period::Day.secs_left(now), Period::Hour.secs_left(now)),
            (3_602, 2)
        );
        let midnight = at("2027-03-02T00:00:00Z");
        assert_eq!(Period::Day.start(midnight), midnight);
        assert_eq!(Period::Day.secs_left(midnight), 24 * 3_600);
        assert_eq!(
            Period::Day.start(at("1969-12-31T12:00:00Z")),
            at("1969-12-31T00:00:00Z")
        );
    }
}
