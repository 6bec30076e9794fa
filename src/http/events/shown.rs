//! From events as they are stored to events as they are shown, a list of them by as many queries as one.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    answers::no_event,
    resource::{CallInResource, EventResource, EventRoomResource, EventType},
};
use crate::{
    catalogue::{CALL_IN, CORE, TRAINING_REPORT},
    http::{
        ApiError, ApiState,
        event_invites::InviteeResource,
        profiles::ProfileResource,
        shared_folders::{FolderLink, SharedFolderResource},
        streaming_targets::StreamingTargetResource,
    },
    meetings,
    permissions::{Operation, Subject, check},
    store::{
        event_invites::{self, INVITEES_PER_EVENT_MAX, Invitees},
        events::{self, FolderLinks, SeenEvent, Status, TrainingReport},
        streaming_targets::{self, StreamingTarget},
        users::User,
    },
};

/// The event as the user sees it, if the user may do this to it.
pub(super) async fn seen(
    state: &ApiState,
    user: &User,
    event: Uuid,
    operation: Operation,
) -> Result<SeenEvent, ApiError> {
    let seen = events::visible_to(&state.db, user.profile.id, event).await?;
    let seen = seen.ok_or_else(no_event)?;
    check(Subject::User(seen.standing), operation)?;
    Ok(seen)
}

/// One event with at most `invitees_max` invitees.
pub(super) async fn event(
    state: &ApiState,
    seen: SeenEvent,
    invitees_max: u32,
) -> Result<EventResource, ApiError> {
    let shown = events(state, vec![seen], invitees_max).await?;
    let first = shown.into_iter().next().map(|(_, event)| event);
    first.ok_or_else(no_event)
}

/// Events, each with at most `invitees_max` invitees.
pub(super) async fn events(
    state: &ApiState,
    page: Vec<SeenEvent>,
    invitees_max: u32,
) -> Result<Vec<(SeenEvent, EventResource)>, ApiError> {
    let ids: Vec<_> = page.iter().map(|seen| seen.event.id).collect();
    let rooms: Vec<_> = page.iter().map(|seen| seen.room.id).collect();
    let mut invitees = invitees(state, &ids, invitees_max).await?;
    let mut targets = streaming_targets::of_rooms(&state.db, &rooms).await?;
    let resource = |seen: SeenEvent| {
        let invitees = invitees.remove(&seen.event.id).unwrap_or_default();
        let targets = targets.remove(&seen.room.id).unwrap_or_default();
        let resource = resource(state, &seen, invitees, targets);
        (seen, resource)
    };
    Ok(page.into_iter().map(resource).collect())
}

/// Invitees that a list names of each entry at the most.
const INVITEES_OF_EACH_MAX: u32 = 100;

/// Invitees that a list names in all: otherwise an answer would take tens of megabytes.
const INVITEES_IN_ALL_MAX: usize = 3_000;

/// How many invitees a list of so many entries names of each, where so many are asked for.
pub(super) fn invitees_of_each(asked: u32, entries: usize) -> u32 {
    let share = INVITEES_IN_ALL_MAX / entries.max(1);
    let share = u32::try_from(share).unwrap_or(u32::MAX).max(1);
    asked.min(INVITEES_OF_EACH_MAX).min(share)
}

/// The first invitees of these events.
pub(super) async fn invitees(
    state: &ApiState,
    events: &[Uuid],
    max_each: u32,
) -> Result<HashMap<Uuid, Invitees>, ApiError> {
    let most = u32::try_from(INVITEES_PER_EVENT_MAX).unwrap_or(u32::MAX);
    Ok(event_invites::of_events(&state.db, events, max_each.min(most)).await?)
}

fn resource(
    state: &ApiState,
    seen: &SeenEvent,
    invitees: Invitees,
    targets: Vec<StreamingTarget>,
) -> EventResource {
    let defaults = &state.config.defaults;
    let (event, times) = (&seen.event, seen.event.times);
    EventResource {
        id: event.id,
        created_by: ProfileResource::new(event.created_by.clone(), defaults),
        created_at: event.created_at,
        updated_by: ProfileResource::new(event.updated_by.clone(), defaults),
        updated_at: event.updated_at,
        title: event.title.clone(),
        description: event.description.clone(),
        room: room(state, seen),
        invitees_truncated: invitees.truncated,
        invitees: invitee_resources(state, invitees),
        is_time_independent: times.is_none(),
        is_all_day: times.map(|times| times.is_all_day),
        starts_at: times.map(|times| times.starts_at.into()),
        ends_at: times.map(|times| times.ends_at.into()),
        recurrence_pattern: event.recurrence.lines(),
        is_adhoc: event.is_adhoc,
        kind: if event.recurrence.is_empty() {
            EventType::Single
        } else {
            EventType::Recurring
        },
        status: Status::Ok,
        invite_status: seen.invite_status,
        is_favorite: seen.is_favorite,
        can_edit: seen.can_edit(),
        show_meeting_details: event.show_meeting_details,
        streaming_targets: targets
            .into_iter()
            .map(|target| StreamingTargetResource::new(target, seen.can_edit()))
            .collect(),
        shared_folder: folder(seen),
        training_participation_report: training_report(state, seen),
    }
}

pub(super) fn invitee_resources(state: &ApiState, invitees: Invitees) -> Vec<InviteeResource> {
    let defaults = &state.config.defaults;
    let list = invitees.list.into_iter();
    list.map(|invite| InviteeResource::new(invite, defaults))
        .collect()
}

/// The room as everybody sees it who sees the event.
pub(super) fn room(state: &ApiState, seen: &SeenEvent) -> EventRoomResource {
    let room = &seen.room;
    let takes_calls =
        meetings::room_tariff(&seen.tariff, room.e2e_encryption, &state.offer).allows(CORE, CALL_IN);
    let tel = state.config.call_in.tel.as_ref().filter(|_| takes_calls);
    EventRoomResource {
        id: room.id,
        password: room
            .password
            .as_ref()
            .map(|password| password.reveal().to_owned()),
        waiting_room: room.waiting_room,
        guest_access: room.guest_access,
        e2e_encryption: room.e2e_encryption,
        call_in: tel.zip(room.sip.as_ref()).map(|(tel, sip)| CallInResource {
            tel: tel.clone(),
            id: sip.id.clone(),
            password: sip.password.reveal().to_owned(),
        }),
    }
}

/// When a training's participants are asked. Clients that edit an event can't save it without the numbers, so where the
/// creator's tariff lacks the module, in which nobody is ever asked, there are always some.
pub(super) fn training_report(state: &ApiState, seen: &SeenEvent) -> Option<TrainingReport> {
    let proposed =
        || (!state.offer.has_module(TRAINING_REPORT, &seen.tariff)).then_some(TrainingReport::PROPOSED);
    seen.event.training_report.or_else(proposed)
}

/// The shared folder; who may only see the event may only read in it.
pub(super) fn folder(seen: &SeenEvent) -> Option<SharedFolderResource> {
    let FolderLinks { read, write } = seen.folder.as_ref()?;
    let link = |access: &events::FolderAccess| FolderLink {
        url: access.url.clone(),
        password: access.password.reveal().to_owned(),
    };
    Some(SharedFolderResource {
        read: link(read),
        read_write: seen.can_edit().then(|| link(write)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_so_many_invitees_however_long_it_is() {
        for (asked, entries, of_each) in [
            (0, 1, 0),
            (7, 100, 7),
            (1_000, 1, 100),
            (1_000, 30, 100),
            (1_000, 100, 30),
            (1, 9_999, 1),
        ] {
            assert_eq!(invitees_of_each(asked, entries), of_each, "{asked} {entries}");
        }
    }
}
