//! Occurrences as they appear in answers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    events::instances::{self, Instance},
    http::{
        ApiError, ApiState,
        event_invites::InviteeResource,
        events::{
            date_time::DateTimeTz,
            resource::{EventRoomResource, EventType},
            shown,
        },
        profiles::ProfileResource,
        shared_folders::SharedFolderResource,
    },
    store::events::{InviteStatus, SeenEvent, Status, TrainingReport},
};

/// An occurrence of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has them")]
pub struct InstanceResource {
    /// `<event id>_<instance id>`.
    pub id: String,
    pub recurring_event_id: Uuid,
    /// The beginning by the series' rule, in UTC.
    #[schema(example = "20270115T090000Z")]
    pub instance_id: String,
    pub created_by: ProfileResource,
    pub created_at: DateTime<Utc>,
    /// Who changed this occurrence last, else the series.
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
    pub is_all_day: bool,
    pub starts_at: DateTimeTz,
    pub ends_at: DateTimeTz,
    #[serde(rename = "type")]
    pub kind: EventType,
    pub status: Status,
    /// What the caller answered; the creator has accepted.
    pub invite_status: InviteStatus,
    pub is_favorite: bool,
    /// Whether the caller may change it.
    pub can_edit: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_folder: Option<SharedFolderResource>,
    /// While the creator's tariff lacks the module of this name, always there and without any effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_participation_report: Option<TrainingReport>,
}

/// Occurrences of an event, each with at most `invitees_max` invitees.
pub(super) async fn show(
    state: &ApiState,
    seen: &SeenEvent,
    instances: Vec<Instance>,
    invitees_max: u32,
) -> Result<Vec<InstanceResource>, ApiError> {
    let event = seen.event.id;
    let invitees = shown::invitees(state, &[event], invitees_max)
        .await?
        .remove(&event);
    let invitees = invitees.unwrap_or_default();
    let truncated = invitees.truncated;
    let invitees = shown::invitee_resources(state, invitees);
    let resource = |instance| resource(state, seen, instance, invitees.clone(), truncated);
    Ok(instances.iter().map(resource).collect())
}

fn resource(
    state: &ApiState,
    seen: &SeenEvent,
    instance: &Instance,
    invitees: Vec<InviteeResource>,
    invitees_truncated: bool,
) -> InstanceResource {
    let defaults = &state.config.defaults;
    let (event, times, name) = (&seen.event, instance.times, instances::name(instance.original));
    let exception = instance.exception.as_ref();
    let updated_by = exception.map_or(&event.updated_by, |exception| &exception.updated_by);
    let title = exception.and_then(|exception| exception.title.as_ref());
    let description = exception.and_then(|exception| exception.description.as_ref());
    InstanceResource {
        id: format!("{}_{name}", event.id),
        recurring_event_id: event.id,
        instance_id: name,
        created_by: ProfileResource::new(event.created_by.clone(), defaults),
        created_at: event.created_at,
        updated_by: ProfileResource::new(updated_by.clone(), defaults),
        updated_at: exception.map_or(event.updated_at, |exception| exception.updated_at),
        title: title.unwrap_or(&event.title).clone(),
        description: description.unwrap_or(&event.description).clone(),
        room: shown::room(state, seen),
        invitees,
        invitees_truncated,
        is_all_day: times.is_all_day,
        starts_at: times.starts_at.into(),
        ends_at: times.ends_at.into(),
        kind: EventType::Instance,
        status: exception.map_or(Status::Ok, |exception| exception.status),
        invite_status: seen.invite_status,
        is_favorite: seen.is_favorite,
        can_edit: seen.can_edit(),
        shared_folder: shown::folder(seen),
        training_participation_report: shown::training_report(state, seen),
    }
}
