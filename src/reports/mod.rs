//! Reports that rooms ask for: from what stands in one (`colloquy_actors::report`) to a PDF among the room's assets.
//!
//! What it says is put together here, how it looks is the crate `colloquy_report`'s, and the PDF is made by a child process. An asset
//! has the id of the task that wanted it: a task that is done twice makes one.

mod attendance;
mod child;
mod places;
mod times;
mod training;
mod vote;

use std::{collections::HashSet, convert::Infallible};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use colloquy_actors::{
    ids::{TaskId, Timestamp},
    report::{Report, ReportContent, ReportZone},
    task::Outcome,
};
use colloquy_calendar::zones::Zone;
use colloquy_report::{Cell, Document, Fact};
use futures_util::stream;
use uuid::Uuid;

pub use self::child::{ChildError, Renderer};
use self::{places::Places, times::Clock};
use crate::{
    assets::{Assets, NewDocument, UploadError},
    config::Quotas,
    store::{
        Db, StoreError,
        events::{self, Event},
        users,
    },
};

/// Whoever makes reports. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
pub struct Reports {
    db: Db,
    assets: Assets,
    quotas: Quotas,
    renderer: Renderer,
    /// One of a kind in a room at a time.
    places: Places,
}

/// Why a report did not become an asset.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the owner of the room has no storage left")]
    StorageExceeded,
    #[error("what a report says can't be looked up")]
    Lookup(#[source] StoreError),
    #[error(transparent)]
    Render(#[from] ChildError),
    #[error("the report can't be stored")]
    Store(#[source] UploadError),
}

/// What is known of a room's meeting beside what the room said.
#[derive(Debug)]
struct Meeting {
    event: Option<Event>,
    zone: Zone,
}

impl Reports {
    #[must_use]
    pub fn new(db: Db, assets: Assets, quotas: Quotas, renderer: Renderer) -> Self {
        Self {
            db,
            assets,
            quotas,
            renderer,
            places: Places::default(),
        }
    }

    /// Makes a report an asset of its room, unless this task has done so before. It takes as long as others of its kind in the
    /// room, and a minute more at the most.
    pub async fn make(&self, task: TaskId, report: Report) -> Outcome {
        let (room, kind) = (report.room, kind(&report.content));
        match self.try_make(task.0, report).await {
            Ok(filename) => Outcome::Stored { filename },
            Err(ReportError::StorageExceeded) => Outcome::StorageExceeded,
            Err(error) => {
                let outcome = match error {
                    ReportError::Store(_) => Outcome::NotStored,
                    _ => Outcome::NotMade,
                };
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, room.id = %room, kind, "a report was not made");
                outcome
            }
        }
    }

    async fn try_make(&self, id: Uuid, report: Report) -> Result<String, ReportError> {
        let (kind, namespace) = (kind(&report.content), report.content.namespace().name());
        let room = report.room.0;
        let _place = self.places.take(room, kind).await;
        let at = utc(report.at);
        let new = NewDocument {
            id,
            room,
            namespace,
            kind,
            extension: "pdf",
            at,
        };
        if let Some(made) = self.assets.document(new).await.map_err(not_stored)? {
            return Ok(made.filename);
        }
        let place = self.assets.has_place_for(new, self.quotas).await;
        place.map_err(not_stored)?;
        let document = self.document(report).await.map_err(ReportError::Lookup)?;
        let pdf = self.renderer.render(&document).await?;
        let content = stream::iter([Ok::<_, Infallible>(Bytes::from(pdf))]);
        let stored = self.assets.store_document(new, self.quotas, content).await;
        Ok(stored.map_err(not_stored)?.filename)
    }

    async fn document(&self, report: Report) -> Result<Document, StoreError> {
        let event = events::of_room(&self.db, report.room.0).await?;
        let zone = zone(&report.zone, event.as_ref());
        let meeting = Meeting { event, zone };
        let at = utc(report.at);
        let document = match report.content {
            ReportContent::Attendance(attendance) => {
                let addresses = if attendance.with_addresses {
                    let users = attendance.participants.iter();
                    let users: HashSet<_> = users.filter_map(|attendee| Some(attendee.user?.0)).collect();
                    let profiles = users::profiles(&self.db, users).await?.into_values();
                    let address = |profile: users::Profile| (profile.id, profile.known_email().to_owned());
                    Some(profiles.map(address).collect())
                } else {
                    None
                };
                attendance::document(attendance, addresses.as_ref(), &meeting, at)
            }
            ReportContent::Training(training) => training::document(training, &meeting, at),
            ReportContent::Vote(vote) => vote::document(&vote, &meeting, at),
        };
        Ok(document)
    }
}

impl Meeting {
    fn clock(&self) -> Clock {
        Clock::in_zone(self.zone)
    }

    fn title(&self) -> Option<&str> {
        let event = self.event.as_ref()?;
        Some(event.title.as_str()).filter(|title| !title.trim().is_empty())
    }

    fn description(&self) -> Option<&str> {
        let event = self.event.as_ref()?;
        Some(event.description.as_str()).filter(|text| !text.trim().is_empty())
    }
}

/// A report without its contents.
fn empty(title: &str, at: DateTime<Utc>) -> Document {
    Document {
        title: title.to_owned(),
        made_at: at,
        made_by: concat!("Colloquy ", env!("CARGO_PKG_VERSION")).to_owned(),
        facts: Vec::new(),
        sections: Vec::new(),
    }
}

fn fact(label: &str, value: impl Into<Cell>) -> Fact {
    Fact {
        label: label.to_owned(),
        value: value.into(),
    }
}

/// The kind of asset that a report becomes.
const fn kind(content: &ReportContent) -> &'static str {
    match content {
        ReportContent::Vote(_) => "vote_protocol",
        ReportContent::Attendance(_) | ReportContent::Training(_) => content.namespace().name(),
    }
}

/// The zone that was named. Profiles have none here, so that of a person is the one in which the meeting's event was made; without
/// an event that has times it is UTC.
fn zone(wanted: &ReportZone, event: Option<&Event>) -> Zone {
    let of_event = || {
        let times = event.and_then(|event| event.times);
        times.map_or(Zone::UTC, |times| times.starts_at.zone)
    };
    match wanted {
        ReportZone::Named(name) => name.parse().unwrap_or_else(|_| of_event()),
        ReportZone::User(_) | ReportZone::EventCreator => of_event(),
    }
}

fn utc(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.as_micros()).unwrap_or_default()
}

fn not_stored(error: UploadError) -> ReportError {
    match error {
        UploadError::StorageExceeded | UploadError::TooMany(_) => ReportError::StorageExceeded,
        error => ReportError::Store(error),
    }
}
