//! Changing an event with everything that belongs to it.

use uuid::Uuid;

use super::{
    Asked, EventError, Notification, Notifier, Schedule,
    foreseen::{Foreseen, again_if_late},
};
use crate::{
    mail::{self, Cause, Told},
    store::{
        self, Db, StoreError, Tx, event_invites,
        events::{self, Event, SeenEvent, TrainingReport, exceptions},
        invites::{self, Editor, NewInvite},
        rooms::{self, RoomChange},
        shared_folders::{self, SharedFolder},
        streaming_targets::{self, NewStreamingTarget},
    },
};

/// What changes of an event; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EventChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub is_adhoc: Option<bool>,
    pub schedule: Asked,
    pub show_meeting_details: Option<bool>,
    pub training_report: store::Change<TrainingReport>,
    pub room: RoomChange,
    /// Takes the place of all targets of the room.
    pub streaming_targets: Option<Vec<NewStreamingTarget>>,
    /// At the storage provider, already made. An event that has one keeps that.
    pub folder: Option<SharedFolder>,
}

impl EventChange {
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.title.is_none()
            && self.description.is_none()
            && self.is_adhoc.is_none()
            && self.schedule == Asked::default()
            && self.show_meeting_details.is_none()
            && self.training_report.is_keep()
            && self.room == RoomChange::default()
            && self.streaming_targets.is_none()
            && self.folder.is_none()
    }

    /// Whether everything is as `seen` says already; `event` is what the event would be.
    async fn is_as(&self, tx: &mut Tx, event: &Event, seen: &SeenEvent) -> Result<bool, StoreError> {
        // The end of a series is computed, and moves with time where it has none.
        let event = Event {
            series_ends_at: seen.event.series_ends_at,
            ..event.clone()
        };
        let is_as = event == seen.event
            && !self.room.changes(&seen.room)
            && (self.folder.is_none() || seen.folder.is_some());
        match &self.streaming_targets {
            Some(targets) if is_as => {
                let known = streaming_targets::of_room(tx, event.room_id).await?;
                Ok(targets.len() == known.len()
                    && targets
                        .iter()
                        .zip(&known)
                        .all(|(target, known)| target.makes(known)))
            }
            _ => Ok(is_as),
        }
    }

    fn apply(&self, event: &mut Event, schedule: Schedule) {
        if let Some(title) = &self.title {
            event.title.clone_from(title);
        }
        if let Some(description) = &self.description {
            event.description.clone_from(description);
        }
        event.is_adhoc = self.is_adhoc.unwrap_or(event.is_adhoc);
        event.show_meeting_details = self.show_meeting_details.unwrap_or(event.show_meeting_details);
        event.training_report = self.training_report.applied_to(event.training_report);
        event.times = schedule.times;
        event.recurrence = schedule.recurrence;
        event.series_ends_at = schedule.series_ends_at;
    }
}

/// A changed event.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// As it is now.
    pub seen: SeenEvent,
    pub told: Told,
}

/// Changes an event, all or nothing, and queues what its invitees are told; a change to what is already so changes
/// nothing and is not told. `known` is the event as it was when the `editor` was found to see it and to be allowed to change it.
pub async fn change(
    db: &Db,
    known: &Event,
    change: EventChange,
    editor: Editor,
    notifier: Notifier,
) -> Result<Changed, EventError> {
    let changed = again_if_late(db, known, editor.user, |known| {
        let (change, notifier) = (change.clone(), notifier.clone());
        async move {
            let foreseen = Foreseen::new(db, &known, change.schedule.clone(), editor.at).await?;
            let changed = db.transaction(move |tx| {
                Box::pin(async move {
                    let cause = notifier.cause(tx, editor.user, editor.at).await?;
                    let seen = events::locked(tx, editor.user, known.id).await?;
                    let seen = seen.ok_or(EventError::Gone)?;
                    foreseen.check(&seen.event)?;
                    Box::pin(change_locked(tx, seen, change, foreseen, &cause, &notifier)).await
                })
            });
            changed.await
        }
    });
    let changed = changed.await?;
    notifier.wake();
    Ok(changed)
}

/// The same inside a transaction, which has locked the event and found that it is as it was `foreseen`.
pub(super) async fn change_locked(
    tx: &mut Tx,
    seen: SeenEvent,
    change: EventChange,
    foreseen: Foreseen,
    cause: &Cause,
    notifier: &Notifier,
) -> Result<Changed, EventError> {
    let editor = Editor {
        user: cause.by,
        at: cause.at,
    };
    let mut event = seen.event.clone();
    let before = Schedule::of(&event);
    let Foreseen {
        after,
        answers_are_void,
        ..
    } = foreseen;
    let has_lost_times = before.times.is_some() && after.times.is_none();
    let has_other_occurrences = after.has_other_occurrences(&before);
    change.apply(&mut event, after);
    if change.is_as(tx, &event, &seen).await? {
        invite_lastingly(tx, &event, &change, editor).await?;
        let told = Told::Everybody;
        return Ok(Changed { seen, told });
    }
    if has_other_occurrences {
        exceptions::remove_all(tx, event.id).await?;
    }
    events::save(tx, &event, editor).await?;
    if !event.recurrence.is_empty() {
        events::set_series_end(tx, event.id, event.series_ends_at).await?;
    }
    events::set_series_start(tx, event.id).await?;
    change_belongings(tx, &event, change, editor).await?;
    if answers_are_void {
        event_invites::ask_again(tx, event.id, cause.at).await?;
    }
    let is_over = seen.event.is_over(cause.at);
    tell(tx, event.id, (is_over, has_lost_times), cause, notifier).await
}

/// Queues what invitees are told of the event as it is now; nothing of one that was over before and still is.
async fn tell(
    tx: &mut Tx,
    event: Uuid,
    (was_over, has_lost_times): (bool, bool),
    cause: &Cause,
    notifier: &Notifier,
) -> Result<Changed, EventError> {
    let seen = events::locked(tx, cause.by, event)
        .await?
        .ok_or(EventError::Gone)?;
    if was_over && seen.event.is_over(cause.at) {
        mail::take_back_all(tx, event, cause.at).await?;
        let told = Told::Everybody;
        return Ok(Changed { seen, told });
    }
    let exceptions = exceptions::of_event(tx, event).await?;
    let notification = Notification {
        kind: mail::Kind::Update,
        seen: &seen,
        exceptions: &exceptions,
        instance: None,
        has_lost_times,
    };
    let told = notifier.tell(tx, &notification, cause).await?;
    Ok(Changed { seen, told })
}

async fn change_belongings(
    tx: &mut Tx,
    event: &Event,
    change: EventChange,
    editor: Editor,
) -> Result<(), StoreError> {
    invite_lastingly(tx, event, &change, editor).await?;
    rooms::apply(tx, event.room_id, &change.room).await?;
    if let Some(targets) = change.streaming_targets {
        replace_targets(tx, event.room_id, targets).await?;
    }
    if let Some(folder) = change.folder {
        shared_folders::insert(tx, event.id, &folder).await?;
    }
    Ok(())
}

/// Gives the room these targets alone. Those that it has already stay the same to whoever knows their ids.
async fn replace_targets(
    tx: &mut Tx,
    room: Uuid,
    targets: Vec<NewStreamingTarget>,
) -> Result<(), StoreError> {
    let mut known = streaming_targets::of_room(tx, room).await?;
    streaming_targets::remove_all(tx, room).await?;
    for target in targets {
        let same = known.iter().position(|known| target.makes(known));
        let of_room = NewStreamingTarget {
            id: same.map_or(target.id, |place| known.remove(place).id),
            room_id: room,
            ..target
        };
        streaming_targets::insert(tx, of_room).await?;
    }
    Ok(())
}

/// Makes the invite that the meeting's details show, where they are asked for and there is none.
async fn invite_lastingly(
    tx: &mut Tx,
    event: &Event,
    change: &EventChange,
    editor: Editor,
) -> Result<(), StoreError> {
    if change.show_meeting_details == Some(true) {
        invites::insert_lasting(tx, &lasting_invite(event.room_id, editor)).await?;
    }
    Ok(())
}

/// The invite by which guests come in who learn of it from the meeting's details.
#[must_use]
pub fn lasting_invite(room: Uuid, creator: Editor) -> NewInvite {
    NewInvite {
        code: Uuid::new_v4(),
        room_id: room,
        created_by: creator.user,
        created_at: creator.at,
        expiration: None,
    }
}

impl Schedule {
    /// That of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            times: event.times,
            recurrence: event.recurrence.clone(),
            series_ends_at: event.series_ends_at,
        }
    }
}
