//! What clients say of events, and what of it is acceptable.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::date_time::DateTimeTz;
use crate::{
    events::{Asked, LINE_CHARS_MAX, LINES_MAX, skipped},
    http::{checks::Checks, streaming_targets::CreateStreamingTargetBody},
    secrets::Secret,
    store::{
        events::{DESCRIPTION_CHARS_MAX, TITLE_CHARS_MAX, TrainingReport},
        rooms::PASSWORD_CHARS_MAX,
        streaming_targets::{NewStreamingTarget, PER_ROOM_MAX},
    },
    text::composed,
};

/// Seconds of a delay in a training report: a week.
const DELAY_SECS_MAX: u64 = 7 * 24 * 3600;

/// The times in a body, whatever else it says.
#[derive(Debug, Default)]
pub(super) struct TimesInBody<'a> {
    pub is_time_independent: Option<bool>,
    pub is_all_day: Option<bool>,
    pub starts_at: Option<&'a DateTimeTz>,
    pub ends_at: Option<&'a DateTimeTz>,
    pub recurrence_pattern: Option<&'a [String]>,
}

impl TimesInBody<'_> {
    pub fn checked(&self, checks: &mut Checks) -> Asked {
        let recurrence = self.recurrence_pattern;
        if let Some(lines) = recurrence {
            check_recurrence(checks, lines);
        }
        let starts_at = self.starts_at.and_then(|time| time.checked(checks, "starts_at"));
        let skipped_start = starts_at
            .zip(self.starts_at)
            .and_then(|(known, said)| skipped(&said.datetime, known.zone));
        Asked {
            is_time_independent: self.is_time_independent,
            is_all_day: self.is_all_day,
            starts_at,
            skipped_start,
            ends_at: self.ends_at.and_then(|time| time.checked(checks, "ends_at")),
            recurrence: recurrence.map(<[String]>::to_vec),
        }
    }
}

fn check_recurrence(checks: &mut Checks, lines: &[String]) {
    if lines.len() > LINES_MAX {
        checks.refuse(
            "recurrence_pattern",
            "too_long",
            format!("must have at most {LINES_MAX} lines"),
        );
    }
    for (number, line) in lines.iter().enumerate() {
        checks.text(&format!("recurrence_pattern[{number}]"), line, LINE_CHARS_MAX);
    }
}

pub(super) fn check_texts(checks: &mut Checks, title: Option<&str>, description: Option<&str>) {
    if let Some(title) = title {
        checks.text("title", title, TITLE_CHARS_MAX);
    }
    if let Some(description) = description {
        checks.text("description", description, DESCRIPTION_CHARS_MAX);
    }
}

pub(super) fn checked_password(checks: &mut Checks, password: String) -> Secret {
    let password = composed(password);
    checks.filled("password", &password, PASSWORD_CHARS_MAX);
    Secret::new(password)
}

/// What is kept of a report that was asked for. Where the module is missing, the proposed numbers are what a client was
/// shown and says again, not a wish.
pub(super) fn kept_report(has_module: bool, report: Option<TrainingReport>) -> Option<TrainingReport> {
    report.filter(|report| has_module || *report != TrainingReport::PROPOSED)
}

pub(super) fn check_report(checks: &mut Checks, report: Option<&TrainingReport>) {
    let Some(report) = report else { return };
    let delays = [
        ("initial_checkpoint_delay", report.initial_checkpoint_delay),
        ("checkpoint_interval", report.checkpoint_interval),
    ];
    for (name, delay) in delays {
        for (part, seconds) in [("after", delay.after), ("within", delay.within)] {
            if seconds > DELAY_SECS_MAX {
                let field = format!("training_participation_report.{name}.{part}");
                checks.refuse(
                    &field,
                    "invalid_value",
                    format!("must be at most {DELAY_SECS_MAX}"),
                );
            }
        }
    }
}

/// The targets of a room that is made or changed at `now`, in their order.
pub(super) fn checked_targets(
    checks: &mut Checks,
    bodies: Vec<CreateStreamingTargetBody>,
    room: Uuid,
    now: DateTime<Utc>,
) -> Vec<NewStreamingTarget> {
    if u64::try_from(bodies.len()).is_ok_and(|number| number > PER_ROOM_MAX) {
        checks.refuse(
            "streaming_targets",
            "too_long",
            format!("must be at most {PER_ROOM_MAX}"),
        );
    }
    // Targets stand in the order of their creation.
    let made = |number: usize| now + TimeDelta::microseconds(i64::try_from(number).unwrap_or_default());
    let targets = bodies.into_iter().enumerate().map(|(number, body)| {
        body.checked(
            checks,
            &format!("streaming_targets[{number}]."),
            room,
            made(number),
        )
    });
    targets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposed_numbers_are_a_wish_only_where_the_module_is() {
        let proposed = TrainingReport::PROPOSED;
        let own = TrainingReport {
            checkpoint_interval: proposed.initial_checkpoint_delay,
            ..proposed
        };
        for (has_module, asked, kept) in [
            (true, Some(proposed), Some(proposed)),
            (false, Some(proposed), None),
            (true, Some(own), Some(own)),
            (false, Some(own), Some(own)),
            (true, None, None),
            (false, None, None),
        ] {
            assert_eq!(kept_report(has_module, asked), kept, "{has_module} {asked:?}");
        }
    }
}
