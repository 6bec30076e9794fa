//! What calendar programs find in the calendars that we write: the occurrences that we hold.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use colloquy_calendar::{
    ics::{Calendar, Entry, Exception, Method, Moment, Span, local_date},
    recurrence::{Recurrence, RecurrenceSet, wall_of},
    zones,
};
use serde_json::{Value, json};

use crate::{Seeded, dice::Dice, patterns, properties::Case};

/// Seeds; some of their patterns have no occurrence.
const CASES: u64 = 2_900;

/// Of them, so many must have some.
const TOLD_MIN: usize = 2_000;

/// A series as it is stored, and what is known of it.
struct Told {
    case: Case,
    set: RecurrenceSet,
    entry: Entry,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Told {
    /// `None` for a pattern that is refused.
    fn new(seed: u64) -> Option<Self> {
        let mut dice = Seeded::new(seed);
        let case = patterns::right(&mut dice);
        let recurrence = Recurrence::parse(&odd_text(&mut dice, &case.lines)).unwrap();
        let set = RecurrenceSet::new(&recurrence, case.start).ok()?;
        let span = span(&mut dice, &case);
        let exceptions = exceptions(&mut dice, &set, &span);
        let is_frequent = case
            .lines
            .iter()
            .any(|line| line.contains("FREQ=DAILY") || line.contains("FREQ=WEEKLY"));
        let days = if is_frequent { 150 } else { 366 * 5 };
        Some(Self {
            from: case.start.instant - TimeDelta::days(2),
            to: case.start.instant + TimeDelta::days(days),
            entry: entry(recurrence, span, exceptions),
            case,
            set,
        })
    }

    fn duration(&self) -> TimeDelta {
        let span = self.entry.span.as_ref().unwrap();
        span.ends_at.at - span.starts_at.at
    }

    /// At the end of what was asked for, readers differ by a day.
    fn compared_to(&self) -> DateTime<Utc> {
        let day = wall_of(self.to, self.case.start.zone).date() - chrono::Days::new(3);
        colloquy_calendar::recurrence::instant_of(day.and_time(NaiveTime::MIN), self.case.start.zone)
    }

    fn text(&self) -> String {
        let mut calendar = Calendar::new(Method::Publish, DateTime::UNIX_EPOCH).named("Colloquy");
        calendar.add(&self.entry);
        calendar.into_text()
    }

    /// What the API says of its occurrences.
    fn expected(&self) -> BTreeSet<String> {
        let mut expected = BTreeSet::new();
        let differing: Vec<_> = self.entry.exceptions.iter().collect();
        let occurrences = self
            .set
            .after(self.case.start.instant)
            .take_while(|at| *at < self.to + TimeDelta::days(2));
        for at in occurrences {
            let exception = differing.iter().find(|one| one.original_starts_at == at);
            if exception.is_some_and(|one| one.is_cancelled) {
                continue;
            }
            let span = self.entry.span.as_ref().unwrap();
            let regular = (at, self.set.end_of(at, self.duration()), span.is_all_day);
            let regular = if at == self.case.start.instant {
                (at, span.ends_at.at, span.is_all_day)
            } else {
                regular
            };
            let own = exception.and_then(|one| one.span.as_ref());
            let own = own.map(|span| (span.starts_at.at, span.ends_at.at, span.is_all_day));
            if own.unwrap_or(regular).0 >= self.compared_to() {
                continue;
            }
            let title = exception.and_then(|one| one.title.clone());
            expected.insert(self.line(own.unwrap_or(regular), title.as_deref().unwrap_or("Series")));
        }
        expected
    }

    fn line(&self, (start, end, is_all_day): (DateTime<Utc>, DateTime<Utc>, bool), title: &str) -> String {
        let zone = self.case.start.zone;
        if !is_all_day {
            return self.comparable(&json!([start.timestamp(), end.timestamp(), title]));
        }
        let first = local_date(start, zone);
        let end = local_date(end, zone).max(first.succ_opt().unwrap());
        let [first, end] = [first, end].map(|day| day.format("%Y%m%d").to_string());
        json!([first, end, title]).to_string()
    }

    /// Of what a reader found, what lies where it was asked for.
    fn found(&self, answer: &Value) -> Result<BTreeSet<String>, String> {
        let Some(list) = answer.as_array() else {
            return Err(answer.to_string());
        };
        let to = self.compared_to();
        let to = (to.timestamp(), wall_of(to, self.case.start.zone).date());
        let is_within = |entry: &&Value| match entry[0].as_i64() {
            Some(start) => start < to.0,
            None => entry[0].as_str().unwrap() < &*to.1.format("%Y%m%d").to_string(),
        };
        let list = list.iter().filter(is_within);
        Ok(list.map(|entry| self.comparable(entry)).collect())
    }

    /// Both readers add what a series lasts to what clocks show at its beginning, and tell other ends where clocks change in
    /// between.
    fn comparable(&self, entry: &Value) -> String {
        let (Some(start), Some(end)) = (entry[0].as_i64(), entry[1].as_i64()) else {
            return entry.to_string();
        };
        let offset = |seconds: i64| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            wall_of(at, self.case.start.zone) - at.naive_utc()
        };
        // Two hours more: so far may it be moved.
        if offset(start - 7200) == offset(end + 7200) && offset(start) == offset(end) {
            entry.to_string()
        } else {
            json!([entry[0], "around a change of clocks", entry[2]]).to_string()
        }
    }
}

/// The same pattern as some clients write it.
fn odd_text(dice: &mut impl Dice, lines: &[String]) -> Vec<String> {
    let mut lines: Vec<_> = lines.to_vec();
    for line in &mut lines {
        match dice.below(6) {
            0 if !line.contains("TZID") => *line = line.to_lowercase(),
            1 => *line = line.replace(',', ", "),
            2 => *line = format!("  {}", line.replace(';', "; ")),
            3 => *line = line.replacen(':', ";X-A=b\"c:", 1),
            _ => {}
        }
    }
    lines
}

fn span(dice: &mut impl Dice, case: &Case) -> Span {
    let start = &case.start;
    let ends_at = if start.all_day {
        let day = wall_of(start.instant, start.zone).date() + chrono::Days::new(1 + dice.roll(3));
        colloquy_calendar::recurrence::instant_of(day.and_time(NaiveTime::MIN), start.zone)
    } else {
        start.instant + TimeDelta::minutes(15 * i64::try_from(1 + dice.below(12)).unwrap())
    };
    let moment = |at| Moment {
        at,
        timezone: start.zone.name().to_owned(),
    };
    Span {
        is_all_day: start.all_day,
        starts_at: moment(start.instant),
        ends_at: moment(ends_at),
        skipped_start: start.skipped,
    }
}

/// Some of the first occurrences differ.
fn exceptions(dice: &mut impl Dice, set: &RecurrenceSet, span: &Span) -> Vec<Exception> {
    let first: Vec<_> = set.after(set.first()).take(12).collect();
    let mut exceptions = Vec::new();
    for at in first {
        if !dice.one_in(8) {
            continue;
        }
        let moved = |hours| {
            let moment = |at, known: &Moment| Moment { at, ..known.clone() };
            let starts_at = at + TimeDelta::hours(hours);
            Span {
                is_all_day: span.is_all_day,
                starts_at: moment(starts_at, &span.starts_at),
                ends_at: moment(starts_at + TimeDelta::hours(24), &span.ends_at),
                skipped_start: None,
            }
        };
        let kind = dice.below(3);
        let hours = if span.is_all_day { 24 } else { 5 };
        exceptions.push(Exception {
            original_starts_at: at,
            is_cancelled: kind == 0,
            title: (kind != 0).then(|| format!("Exception {}", exceptions.len())),
            description: None,
            span: (kind == 1).then(|| moved(hours)),
        });
    }
    exceptions
}

pub fn entry(recurrence: Recurrence, span: Span, exceptions: Vec<Exception>) -> Entry {
    Entry {
        id: uuid::Uuid::from_u128(7),
        revision: 0,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        title: "Series".to_owned(),
        description: String::new(),
        details: String::new(),
        span: Some(span),
        recurrence,
        exceptions,
        is_cancelled: false,
        organizer: None,
        attendees: Vec::new(),
        url: None,
    }
}

pub fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: ./test sets it"))
}

/// A Python that knows the same zones as we do.
pub fn python() -> Command {
    let mut command = Command::new(given("COLLOQUY_TEST_PYTHON"));
    match &zones::source().folder {
        Some(folder) => command.env("PYTHONTZPATH", folder),
        // The package tzdata.
        None => command.env("PYTHONTZPATH", ""),
    };
    command
}

/// What a program answers to a question.
pub fn asked(command: &mut Command, question: &Value) -> Value {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let question = question.to_string();
    let mut stdin = process.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(question.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a program says about each calendar.
fn answers(command: &mut Command, told: &[Told]) -> Vec<Value> {
    let question =
        |told: &Told| json!({"text": told.text(), "from": told.from.timestamp(), "to": told.to.timestamp()});
    let answers = asked(command, &told.iter().map(question).collect());
    answers.as_array().unwrap().clone()
}

/// What a reader is known to read otherwise: it is not compared.
struct Reader {
    name: &'static str,
    /// Whether it makes nothing of times around a change of clocks.
    is_lost_where_clocks_change: bool,
    misreads: fn(&Told) -> bool,
    /// So many calendars must be compared.
    compared_min: usize,
}

const PYTHON: Reader = Reader {
    name: "recurring-ical-events",
    is_lost_where_clocks_change: false,
    misreads: |told| {
        let lines = told.entry.recurrence.lines();
        let says = |part: &str| lines.iter().any(|line| line.contains(part));
        // It looks for what an exception replaces by its day, and takes away all of that day.
        let times = ["BYHOUR", "BYMINUTE", "BYSECOND", "RDATE"];
        !told.entry.exceptions.is_empty() && times.iter().any(|part| says(part))
    },
    compared_min: 1_500,
};

const ICAL_JS: Reader = Reader {
    name: "ical.js",
    is_lost_where_clocks_change: true,
    misreads: |told| told.entry.recurrence.lines().iter().any(|line| is_misread(line)),
    compared_min: 1_400,
};

/// What ical.js 2.2.1 does not know of rules.
fn is_misread(line: &str) -> bool {
    let says = |part: &str| line.contains(part);
    let is_negative = |part: &str| {
        let values = line.split(part).nth(1).unwrap_or_default();
        values.split(';').next().unwrap_or_default().contains('-')
    };
    let names_times = says("BYHOUR") || says("BYMINUTE") || says("BYSECOND");
    // EXRULE is dates to it.
    line.starts_with("RRULE")
        // Each of these it takes for less than it is, or refuses.
        && (["BYSETPOS", "BYWEEKNO", "BYYEARDAY"].iter().any(|part| says(part))
            // Days from the end of a month.
            || is_negative("BYMONTHDAY=")
            // Days of all months, or times, in a rule that goes through years.
            || says("YEARLY") && (says("BYMONTHDAY") || says("BYDAY") || names_times)
            // Several times of a weekday of the month.
            || says("MONTHLY") && says("BYDAY") && names_times
            // Some months of those that a rule goes through.
            || says("MONTHLY") && says("BYMONTH="))
}

/// Where a day never was, and other times of whole days: no two programs agree on them.
fn is_beyond_calendars(told: &Told) -> bool {
    let is_skipped = told.case.start.zone.name() == "Pacific/Apia";
    let lines = told.entry.recurrence.lines();
    let has_times = lines
        .iter()
        .any(|line| line.starts_with("RDATE") && line.contains('T') && !line.contains("VALUE=DATE"));
    is_skipped || told.case.start.all_day && has_times
}

fn compare(reader: &Reader, told: &[Told], answers: &[Value]) {
    const CHANGE: &str = "around a change of clocks";
    assert_eq!(told.len(), answers.len());
    let (mut wrong, compared) = (Vec::new(), told.len());
    for (told, answer) in told.iter().zip(answers) {
        let (mut expected, mut found) = (told.expected(), told.found(answer));
        if reader.is_lost_where_clocks_change {
            expected.retain(|line| !line.contains(CHANGE));
            if let Ok(found) = &mut found {
                found.retain(|line| !line.contains(CHANGE));
            }
        }
        if found.as_ref() == Ok(&expected) {
            continue;
        }
        let differ = found.map(|found| {
            let missing: Vec<_> = expected.difference(&found).take(3).cloned().collect();
            let more: Vec<_> = found.difference(&expected).take(3).cloned().collect();
            (missing, more)
        });
        wrong.push(format!(
            "{:?}: missing and more {differ:?}\n{}",
            told.case,
            told.text()
        ));
    }
    let name = reader.name;
    assert!(
        compared >= reader.compared_min,
        "{name}: only {compared} were compared"
    );
    assert!(
        wrong.is_empty(),
        "{name} reads {} of {compared} otherwise:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
}

/// What a reader is asked about.
fn told_to(reader: &Reader) -> Vec<Told> {
    let told: Vec<_> = (0..CASES).filter_map(Told::new).collect();
    assert!(told.len() >= TOLD_MIN, "{}", told.len());
    let is_compared = |told: &Told| !(reader.misreads)(told) && !is_beyond_calendars(told);
    told.into_iter().filter(is_compared).collect()
}

#[test]
fn python_finds_what_we_hold() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/series/readers.py");
    let told = told_to(&PYTHON);
    let answers = answers(python().arg(script), &told);
    compare(&PYTHON, &told, &answers);
}

#[test]
fn ical_js_finds_what_we_hold() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/series/readers.mjs");
    let told = told_to(&ICAL_JS);
    let mut command = Command::new("node");
    command.arg(script).arg(given("COLLOQUY_TEST_NODE_MODULES"));
    let answers = answers(&mut command, &told);
    compare(&ICAL_JS, &told, &answers);
}
