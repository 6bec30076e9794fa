//! Events and their exceptions as they appear in answers.

use chrono::{DateTime, Utc};
use colloquy_calendar::zones::Zone;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::date_time::DateTimeTz;
use crate::{
    config::Defaults,
    events::instances,
    http::{
        event_invites::InviteeResource, profiles::ProfileResource, shared_folders::SharedFolderResource,
        streaming_targets::StreamingTargetResource,
    },
    store::{
        events::{Exception, InviteStatus, SeenEvent, Status, TrainingReport, ZonedTime},
        guest_access::GuestAccess,
    },
};

/// What an entry of a calendar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    Single,
    /// A series.
    Recurring,
    /// An occurrence of a series.
    Instance,
    /// An occurrence that differs from its series.
    Exception,
}

/// A meeting in a calendar.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has them")]
pub struct EventResource {
    pub id: Uuid,
    pub created_by: ProfileResource,
    pub created_at: DateTime<Utc>,
    pub updated_by: ProfileResource,
    pub updated_at: DateTime<Utc>,
    #[schema(max_length = 255)]
    pub title: String,
    #[schema(max_length = 4096)]
    pub description: String,
    pub room: EventRoomResource,
    /// The first invitees, as many as were asked for.
    pub invitees: Vec<InviteeResource>,
    /// Whether there are more.
    pub invitees_truncated: bool,
    pub is_time_independent: bool,
    /// Absent in a time-independent event, as are the beginning and the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_all_day: Option<bool>,
    /// Of the first occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTimeTz>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTimeTz>,
    /// Lines of RFC 5545; empty for a single event.
    #[schema(required = false)]
    pub recurrence_pattern: Vec<String>,
    pub is_adhoc: bool,
    #[serde(rename = "type")]
    pub kind: EventType,
    pub status: Status,
    /// What the caller answered; the creator has accepted.
    pub invite_status: InviteStatus,
    pub is_favorite: bool,
    /// Whether the caller may change the event.
    pub can_edit: bool,
    pub show_meeting_details: bool,
    /// Absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub streaming_targets: Vec<StreamingTargetResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_folder: Option<SharedFolderResource>,
    /// While the creator's tariff lacks the module of this name, always there and without any effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_participation_report: Option<TrainingReport>,
}

/// The room of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventRoomResource {
    pub id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 255)]
    pub password: Option<String>,
    pub waiting_room: bool,
    /// How people come in who have a link.
    pub guest_access: GuestAccess,
    pub e2e_encryption: bool,
    /// Absent when the room can't be reached by telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_in: Option<CallInResource>,
}

/// How to come in by telephone.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallInResource {
    pub tel: String,
    #[schema(min_length = 10, max_length = 10, pattern = "[0-9]+")]
    pub id: String,
    #[schema(min_length = 10, max_length = 10, pattern = "[0-9]+")]
    pub password: String,
}

/// An occurrence that differs from its series. What is absent is as in the series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExceptionResource {
    /// `<event id>_<instance id>`.
    pub id: String,
    pub recurring_event_id: Uuid,
    /// The beginning by the series' rule, in UTC.
    #[schema(example = "20270115T090000Z")]
    pub instance_id: String,
    pub created_by: ProfileResource,
    pub created_at: DateTime<Utc>,
    pub updated_by: ProfileResource,
    pub updated_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_all_day: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTimeTz>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTimeTz>,
    /// The beginning by the series' rule.
    pub original_starts_at: DateTimeTz,
    #[serde(rename = "type")]
    pub kind: EventType,
    pub status: Status,
    /// Whether the caller may change it.
    pub can_edit: bool,
}

impl ExceptionResource {
    #[must_use]
    pub fn new(seen: &SeenEvent, exception: Exception, defaults: &Defaults) -> Self {
        let name = instances::name(exception.original_starts_at);
        let zone = seen.event.times.map_or(Zone::UTC, |times| times.starts_at.zone);
        let original = ZonedTime {
            at: exception.original_starts_at,
            zone,
        };
        Self {
            id: format!("{}_{name}", exception.event_id),
            recurring_event_id: exception.event_id,
            instance_id: name,
            created_by: ProfileResource::new(exception.created_by, defaults),
            created_at: exception.created_at,
            updated_by: ProfileResource::new(exception.updated_by, defaults),
            updated_at: exception.updated_at,
            title: exception.title,
            description: exception.description,
            is_all_day: exception.is_all_day,
            starts_at: exception.starts_at.map(Into::into),
            ends_at: exception.ends_at.map(Into::into),
            original_starts_at: original.into(),
            kind: EventType::Exception,
            status: exception.status,
            can_edit: seen.can_edit(),
        }
    }
}
