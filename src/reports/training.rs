//! "Training participation report": who confirmed to be there at each checkpoint.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use colloquy_actors::{
    ids::Timestamp,
    protocol::names::DisplayName,
    report::{Trainee, Training},
};
use colloquy_report::{Cell, Document, Section};

use super::{Meeting, empty, fact, times::Clock};
use crate::text::fold;

/// Checkpoints side by side.
const COLUMNS_MAX: usize = 8;

pub(super) fn document(training: Training, meeting: &Meeting, at: DateTime<Utc>) -> Document {
    let clock = meeting.clock();
    let mut document = empty("Training participation report", at);
    document.facts = vec![
        fact("Meeting", meeting.title().unwrap_or("Training")),
        fact(
            "Description",
            meeting.description().map_or_else(Cell::none, Cell::from),
        ),
        fact("Report timezone", clock.zone()),
        fact("Training start", clock.minute(super::utc(training.begin))),
        fact("Training end", clock.minute(super::utc(training.end))),
    ];
    let mut trainees = training.trainees;
    // Those without a name come last.
    trainees.sort_by_cached_key(|trainee| {
        let name = trainee.name.as_ref().map(DisplayName::as_str);
        (
            name.is_none(),
            name.map(fold),
            name.map(str::to_owned),
            trainee.confirmed.first().copied(),
        )
    });
    let confirmed: Vec<HashMap<u32, Timestamp>> = trainees
        .iter()
        .map(|trainee| trainee.confirmed.iter().copied().collect())
        .collect();
    let heads = heads(&training.checkpoints, clock.date(training.begin), clock);
    let parts = heads.len().div_ceil(COLUMNS_MAX).max(1);
    for part in 0..parts {
        let begin = part * COLUMNS_MAX;
        let end = heads.len().min(begin + COLUMNS_MAX);
        let heading = if parts == 1 {
            "Participation checkpoints".to_owned()
        } else {
            format!("Participation checkpoints {} to {end}", begin + 1)
        };
        let rows = trainees.iter().zip(&confirmed).zip(1..);
        let rows = rows.map(|((trainee, confirmed), number)| {
            let mut row = vec![Cell::from(number.to_string()), name(trainee)];
            row.extend((begin..end).map(|checkpoint| {
                let at = u32::try_from(checkpoint).ok().and_then(|at| confirmed.get(&at));
                at.map_or_else(Cell::none, |at| clock.time(*at).into())
            }));
            row
        });
        document.sections.push(Section {
            heading,
            rows: rows.collect(),
            columns: ["№", "Participant"]
                .map(str::to_owned)
                .into_iter()
                .chain(heads[begin..end].iter().cloned())
                .collect(),
        });
    }
    document
}

fn name(trainee: &Trainee) -> Cell {
    let name = trainee.name.as_ref();
    name.map_or_else(|| Cell::Note("Unknown".to_owned()), |name| name.as_str().into())
}

/// What the checkpoints are called: their times, with the date where that is not the one before.
fn heads(checkpoints: &[Timestamp], mut day: NaiveDate, clock: Clock) -> Vec<String> {
    let heads = checkpoints.iter().map(|at| {
        let head = clock.minute_of(day, *at);
        day = clock.date(*at);
        head
    });
    heads.collect()
}
