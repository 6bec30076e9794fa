//! Changing one occurrence of an event.

use chrono::{DateTime, Utc};
use colloquy_calendar::recurrence::{Recurrence, RecurrenceError};
use uuid::Uuid;

use super::{
    Asked, EXCEPTIONS_PER_EVENT_MAX, EXCEPTIONS_PER_OWNER_MAX, EventChange, EventError, Finding,
    Notification, Notifier, ScheduleRefusal,
    change::change_locked,
    foreseen::{Foreseen, again_if_late},
    instances::{Instance, Series},
    off_thread, schedule,
};
use crate::{
    mail::{self, Cause, Told},
    store::{
        Db, StoreError, Tx, event_invites,
        events::{
            self, Event, SeenEvent, Status, Times, ZonedTime,
            exceptions::{self, Difference},
        },
        invites::Editor,
    },
};

/// What changes of an occurrence; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub is_all_day: Option<bool>,
    pub starts_at: Option<ZonedTime>,
    pub ends_at: Option<ZonedTime>,
    pub status: Option<Status>,
}

impl InstanceChange {
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How the occurrence differs from its series then.
    fn applied_to(self, instance: &Instance) -> Result<Difference, ScheduleRefusal> {
        let before = instance.exception.as_ref().map(events::Exception::difference);
        let mut difference = before.unwrap_or_default();
        if self.is_all_day.is_some() || self.starts_at.is_some() || self.ends_at.is_some() {
            let times = self.times(&instance.times);
            schedule::check(&times)?;
            // All of it: a later change of the series must not turn what is kept here into nonsense.
            difference.is_all_day = Some(times.is_all_day);
            difference.starts_at = Some(times.starts_at);
            difference.ends_at = Some(times.ends_at);
        }
        difference.title = self.title.or(difference.title);
        difference.description = self.description.or(difference.description);
        difference.status = self.status.unwrap_or(difference.status);
        Ok(difference)
    }

    /// When the occurrence takes place then. A form names both times in the zone of its browser, which means nothing for one
    /// that has not moved.
    fn times(&self, before: &Times) -> Times {
        let is_form = self.starts_at.is_some() && self.ends_at.is_some();
        let time = |asked: Option<ZonedTime>, known: ZonedTime| {
            let asked = asked.filter(|asked| !is_form || asked.at != known.at);
            asked.unwrap_or(known)
        };
        Times {
            is_all_day: self.is_all_day.unwrap_or(before.is_all_day),
            starts_at: time(self.starts_at, before.starts_at),
            ends_at: time(self.ends_at, before.ends_at),
            skipped_start: None,
        }
    }

    /// The same of an event that takes place once: its only occurrence is the event itself.
    fn of_the_only_one(self, instance: &Instance) -> Result<EventChange, ScheduleRefusal> {
        if self.status == Some(Status::Cancelled) {
            return Err(ScheduleRefusal::Fields(vec![Finding {
                field: "status",
                code: "invalid_value",
                message: "an event that takes place once is not cancelled but deleted",
            }]));
        }
        let times = self.times(&instance.times);
        Ok(EventChange {
            title: self.title,
            description: self.description,
            schedule: Asked {
                is_all_day: Some(times.is_all_day),
                starts_at: Some(times.starts_at),
                ends_at: Some(times.ends_at),
                ..Asked::default()
            },
            ..EventChange::default()
        })
    }
}

/// A changed occurrence, with its event.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedInstance {
    pub seen: SeenEvent,
    pub instance: Instance,
    pub told: Told,
}

/// Changes the occurrence that begins, by the series' rule, at `original`, and queues what invitees are told; a change to
/// what is already so changes nothing and is not told. The only occurrence of a single event is the event. `known` is the event
/// as it was when the `editor` was found to see it and to be allowed to change it.
pub async fn change_instance(
    db: &Db,
    known: &Event,
    original: DateTime<Utc>,
    change: InstanceChange,
    editor: Editor,
    notifier: Notifier,
) -> Result<ChangedInstance, EventError> {
    let changed = again_if_late(db, known, editor.user, |known| {
        let (change, notifier) = (change.clone(), notifier.clone());
        async move {
            let foreseen = ForeseenSeries::new(&known, editor.at).await?;
            let changed = db.transaction(move |tx| {
                Box::pin(change_foreseen(
                    tx, known.id, original, change, editor, notifier, foreseen,
                ))
            });
            changed.await
        }
    });
    let changed = changed.await?;
    notifier.wake();
    Ok(changed)
}

/// The same in a transaction.
async fn change_foreseen(
    tx: &mut Tx,
    event: Uuid,
    original: DateTime<Utc>,
    change: InstanceChange,
    editor: Editor,
    notifier: Notifier,
    foreseen: ForeseenSeries,
) -> Result<ChangedInstance, EventError> {
    let cause = notifier.cause(tx, editor.user, editor.at).await?;
    let (seen, series) = series(tx, event, editor, &foreseen).await?;
    let instance = series.at(original).ok_or(EventError::NoOccurrence)?;
    if seen.event.recurrence.is_empty() {
        let change = change.of_the_only_one(&instance)?;
        // Boxed: what is rare must not make the future of every change a large one.
        return Box::pin(change_only_one(tx, seen, change, &cause, &notifier)).await;
    }
    let difference = change.applied_to(&instance)?;
    if takes_place_alike(&difference, &instance, &seen) {
        let told = Told::Everybody;
        return Ok(ChangedInstance { seen, instance, told });
    }
    let before = instance.times;
    let is_new = instance.exception.is_none();
    if is_new
        && (exceptions::number(tx, event).await? >= EXCEPTIONS_PER_EVENT_MAX
            || exceptions::number_beside(tx, event).await? >= EXCEPTIONS_PER_OWNER_MAX)
    {
        return Err(EventError::TooManyExceptions);
    }
    exceptions::put(tx, event, original, &difference, editor).await?;
    events::raise_revision(tx, event).await?;
    events::set_series_end(tx, event, foreseen.last_end).await?;
    events::set_series_start(tx, event).await?;
    let (seen, series) = self::series(tx, event, editor, &foreseen).await?;
    let instance = series.at(original).ok_or(EventError::NoOccurrence)?;
    let is_moved = instance.times.starts_at.at != before.starts_at.at;
    if difference.status == Status::Ok && is_moved && !before.is_under_way(editor.at) {
        event_invites::ask_again(tx, event, editor.at).await?;
    }
    // Of what is over nobody needs to hear.
    if before.ends_at.at <= editor.at && instance.times.ends_at.at <= editor.at {
        let told = Told::Everybody;
        return Ok(ChangedInstance { seen, instance, told });
    }
    let notification = Notification {
        kind: match difference.status {
            Status::Cancelled => mail::Kind::Cancel,
            Status::Ok => mail::Kind::Update,
        },
        seen: &seen,
        exceptions: series.exceptions(),
        instance: Some(original),
        has_lost_times: false,
    };
    let told = notifier.tell(tx, &notification, &cause).await?;
    Ok(ChangedInstance { seen, instance, told })
}

async fn change_only_one(
    tx: &mut Tx,
    seen: SeenEvent,
    change: EventChange,
    cause: &Cause,
    notifier: &Notifier,
) -> Result<ChangedInstance, EventError> {
    let foreseen = Foreseen::of_single(&seen.event, change.schedule.clone(), cause.at)?;
    let changed = change_locked(tx, seen, change, foreseen, cause, notifier).await?;
    let times = changed.seen.event.times.ok_or(EventError::NoOccurrence)?;
    let instance = Instance {
        original: times.starts_at.at,
        times,
        exception: None,
    };
    Ok(ChangedInstance {
        seen: changed.seen,
        instance,
        told: changed.told,
    })
}

/// Whether an occurrence with this difference is what it was before, for whoever comes.
fn takes_place_alike(difference: &Difference, before: &Instance, seen: &SeenEvent) -> bool {
    let known = before.exception.as_ref().map(events::Exception::difference);
    let known = known.unwrap_or_default();
    let text = |own: &Option<String>, of_series: &str| own.as_deref().unwrap_or(of_series).to_owned();
    let shown = |difference: &Difference| {
        (
            difference.status,
            text(&difference.title, &seen.event.title),
            text(&difference.description, &seen.event.description),
            difference.is_all_day.unwrap_or(before.times.is_all_day),
            difference.starts_at.unwrap_or(before.times.starts_at),
            difference.ends_at.unwrap_or(before.times.ends_at),
        )
    };
    shown(difference) == shown(&known)
}

/// The series of an event, computed before the transaction, as that of a change of the event is ([`Foreseen`]).
#[derive(Debug, Clone)]
struct ForeseenSeries {
    times: Option<Times>,
    recurrence: Recurrence,
    /// Without exceptions.
    series: Option<Series>,
    last_end: Option<DateTime<Utc>>,
}

impl ForeseenSeries {
    async fn new(event: &Event, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let event = event.clone();
        let compute = move || {
            let series = Series::new(&event, Vec::new(), now)?;
            Ok(Self {
                last_end: series.as_ref().and_then(Series::last_end),
                series,
                times: event.times,
                recurrence: event.recurrence,
            })
        };
        // What is stored was parsed before.
        let unreadable = |error: RecurrenceError| StoreError::Unreadable(error.to_string());
        off_thread(compute).await?.map_err(unreadable)
    }

    /// It holds for the event as it is in a transaction that has locked it, or somebody was faster.
    fn check(&self, event: &Event) -> Result<(), EventError> {
        if self.times == event.times && self.recurrence == event.recurrence {
            Ok(())
        } else {
            Err(EventError::ChangedMeanwhile)
        }
    }
}

/// The event as the editor sees it, and its occurrences.
async fn series(
    tx: &mut Tx,
    event: Uuid,
    editor: Editor,
    foreseen: &ForeseenSeries,
) -> Result<(SeenEvent, Series), EventError> {
    let seen = events::locked(tx, editor.user, event)
        .await?
        .ok_or(EventError::Gone)?;
    foreseen.check(&seen.event)?;
    let series = foreseen.series.clone().ok_or(EventError::NoOccurrence)?;
    let exceptions = exceptions::of_event(tx, event).await?;
    Ok((seen, series.with(exceptions)))
}
