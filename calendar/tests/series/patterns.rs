//! Patterns by choice: right ones, and odd ones.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use colloquy_calendar::zones::Zone;

use crate::{
    dice::Dice,
    properties::Case,
    recurrence::{LocalStart, instant_of, wall_of},
};

/// Times that clocks skip or show twice, or days near them.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2026-03-29T02:30:00"),
    ("Europe/Berlin", "2026-03-27T02:15:00"),
    ("Europe/Berlin", "2026-10-25T02:30:00"),
    ("Europe/Berlin", "2025-10-26T02:00:00"),
    ("America/New_York", "2026-03-08T02:30:00"),
    ("America/New_York", "2026-11-01T01:30:00"),
    ("Australia/Lord_Howe", "2026-10-04T02:15:00"),
    ("Australia/Lord_Howe", "2026-04-05T01:45:00"),
    ("America/Sao_Paulo", "2018-11-04T00:00:00"),
    ("America/Sao_Paulo", "2017-10-13T00:30:00"),
    ("Asia/Beirut", "2022-03-27T00:00:00"),
    ("Pacific/Apia", "2011-12-28T10:00:00"),
];

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Auckland",
];

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn zone_of(name: &str) -> Zone {
    name.parse().unwrap_or(Zone::UTC)
}

/// A pattern that is right, though it may have no occurrence.
pub fn right(dice: &mut impl Dice) -> Case {
    let start = start(dice);
    let mut lines = Vec::new();
    if !dice.one_in(12) {
        lines.push(format!("RRULE:{}", rule(dice, &start)));
    }
    if dice.one_in(10) {
        lines.push(format!("RRULE:{}", rule(dice, &start)));
    }
    if dice.one_in(4) {
        lines.push(format!("EXRULE:{}", rule(dice, &start)));
    }
    if lines.is_empty() || dice.one_in(4) {
        lines.push(dates(dice, "RDATE", &start));
    }
    if lines.len() < 4 && dice.one_in(3) {
        lines.push(dates(dice, "EXDATE", &start));
    }
    Case { lines, start }
}

/// A pattern with something added, left out or twisted, or none at all.
pub fn odd(dice: &mut impl Dice) -> Case {
    const PIECES: [&str; 24] = [
        ";",
        ":",
        "=",
        ",",
        "-",
        "T",
        "Z",
        "0",
        "9",
        "\0",
        "\n",
        "é",
        "🙂",
        "BYDAY",
        "FREQ=SECONDLY",
        "COUNT=4294967295",
        "INTERVAL=4294967295",
        "BYSETPOS=-366",
        "UNTIL=99991231T235959Z",
        "TZID=Mars",
        "00010101",
        "BYHOUR=",
        "2147483648",
        "VALUE=DATE",
    ];
    let mut case = right(dice);
    if dice.one_in(3) {
        return case;
    }
    for _ in 0..=dice.below(3) {
        if dice.is_over() {
            break;
        }
        let index = dice.below(case.lines.len());
        let Some(line) = case.lines.get_mut(index) else {
            continue;
        };
        let places: Vec<_> = line
            .char_indices()
            .map(|(at, _)| at)
            .chain([line.len()])
            .collect();
        let (one, other) = (places[dice.below(places.len())], places[dice.below(places.len())]);
        let (from, to) = (one.min(other), one.max(other));
        match dice.below(4) {
            0 => line.insert_str(from, dice.pick(&PIECES).unwrap_or(&"")),
            1 => line.replace_range(from..to.min(from + 3).max(from), ""),
            2 => *line = line[..from].to_owned() + &line[from..to] + &line[from..],
            _ => {
                let twice = line.clone();
                case.lines.push(twice);
            }
        }
    }
    case
}

fn start(dice: &mut impl Dice) -> LocalStart {
    let all_day = dice.one_in(6);
    let (zone, wall) = if dice.one_in(3) {
        let (zone, wall) = CHANGES[dice.below(CHANGES.len())];
        (zone_of(zone), wall.parse().unwrap_or_default())
    } else {
        let year = 2000 + i32::try_from(dice.below(30)).unwrap_or_default();
        let day = NaiveDate::from_yo_opt(year, 1).unwrap_or_default() + Days::new(dice.roll(365));
        let time = TimeDelta::minutes(15 * i64::try_from(dice.below(96)).unwrap_or_default());
        (
            zone_of(ZONES[dice.below(ZONES.len())]),
            day.and_time(NaiveTime::MIN) + time,
        )
    };
    let wall = if all_day {
        wall.date().and_time(NaiveTime::MIN)
    } else {
        wall
    };
    let instant = instant_of(wall, zone);
    LocalStart {
        instant,
        zone,
        skipped: Some(wall).filter(|wall| wall_of(instant, zone) != *wall),
        all_day,
    }
}

fn rule(dice: &mut impl Dice, start: &LocalStart) -> String {
    let frequency = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][dice.below(4)];
    let mut parts = vec![format!("FREQ={frequency}")];
    if dice.one_in(3) {
        parts.push(format!("INTERVAL={}", 1 + dice.below(5)));
    }
    if dice.one_in(4) {
        parts.push(format!("WKST={}", WEEKDAYS[dice.below(7)]));
    }
    let before = parts.len();
    by_parts(dice, frequency, &mut parts);
    if !start.all_day && dice.one_in(6) {
        parts.push(format!("BYHOUR={}", numbers(dice, 0, 23, 3, false)));
    }
    if !start.all_day && dice.one_in(8) {
        parts.push(format!("BYMINUTE={}", numbers(dice, 0, 59, 2, false)));
    }
    if !start.all_day && dice.one_in(16) {
        parts.push(format!("BYSECOND={}", numbers(dice, 0, 59, 2, false)));
    }
    // Of a first week that begins before the start, dateutil counts from the start on (its issue 1398).
    if parts.len() > before && frequency != "WEEKLY" && dice.one_in(4) {
        parts.push(format!("BYSETPOS={}", numbers(dice, 1, 4, 2, true)));
    }
    match dice.below(4) {
        0 => parts.push(format!("COUNT={}", 1 + dice.below(40))),
        1 => parts.push(format!("UNTIL={}", until(dice, start))),
        _ => {}
    }
    parts.join(";")
}

fn by_parts(dice: &mut impl Dice, frequency: &str, parts: &mut Vec<String>) {
    if dice.one_in(4) {
        parts.push(format!("BYMONTH={}", numbers(dice, 1, 12, 4, false)));
    }
    if frequency != "WEEKLY" && dice.one_in(3) {
        parts.push(format!("BYMONTHDAY={}", numbers(dice, 1, 31, 4, true)));
    }
    let mut has_weeks = false;
    if frequency == "YEARLY" && dice.one_in(4) {
        parts.push(format!("BYYEARDAY={}", numbers(dice, 1, 366, 5, true)));
    } else if frequency == "YEARLY" && dice.one_in(3) {
        // Of the last weeks of a year, dateutil counts days in January wrongly; our own tests look at them.
        parts.push(format!("BYWEEKNO={}", numbers(dice, 1, 51, 4, true)));
        has_weeks = true;
    }
    // Without a weekday, dateutil takes it for all days of the week.
    if has_weeks || dice.one_in(2) {
        let may_count = frequency == "MONTHLY" || frequency == "YEARLY" && !has_weeks;
        let counts = may_count && dice.one_in(2);
        let day = |dice: &mut _| {
            let day = WEEKDAYS[Dice::below(dice, 7)];
            if counts {
                format!("{}{day}", numbers(dice, 1, 5, 1, true))
            } else {
                day.to_owned()
            }
        };
        let days: Vec<_> = (0..=dice.below(3)).map(|_| day(dice)).collect();
        parts.push(format!("BYDAY={}", days.join(",")));
    }
}

fn numbers(dice: &mut impl Dice, from: usize, to: usize, count_max: usize, signed: bool) -> String {
    let number = |dice: &mut _| {
        let number = from + Dice::below(dice, to - from + 1);
        if signed && Dice::one_in(dice, 3) {
            format!("-{number}")
        } else {
            number.to_string()
        }
    };
    let numbers: Vec<_> = (0..=dice.below(count_max)).map(|_| number(dice)).collect();
    numbers.join(",")
}

/// What clocks show some days after the start, mostly at its time of day.
fn later(dice: &mut impl Dice, start: &LocalStart, days_max: u64) -> NaiveDateTime {
    let wall = wall_of(start.instant, start.zone) + Days::new(dice.roll(days_max));
    if dice.one_in(6) {
        wall + TimeDelta::hours(1)
    } else {
        wall
    }
}

fn until(dice: &mut impl Dice, start: &LocalStart) -> String {
    let wall = later(dice, start, 700);
    match dice.below(3) {
        0 => wall.format("%Y%m%d").to_string(),
        1 => wall.format("%Y%m%dT%H%M%S").to_string(),
        _ => zulu(instant_of(wall, start.zone)),
    }
}

fn zulu(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%dT%H%M%SZ").to_string()
}

fn dates(dice: &mut impl Dice, property: &str, start: &LocalStart) -> String {
    let walls: Vec<_> = (0..=dice.below(4)).map(|_| later(dice, start, 60)).collect();
    let (parameters, write): (_, fn(&NaiveDateTime, Zone) -> String) = match dice.below(4) {
        0 => (";VALUE=DATE".to_owned(), |wall, _| {
            wall.format("%Y%m%d").to_string()
        }),
        1 => (String::new(), |wall, _| wall.format("%Y%m%dT%H%M%S").to_string()),
        2 => (String::new(), |wall, zone| zulu(instant_of(*wall, zone))),
        _ => {
            let zone = zone_of(ZONES[dice.below(ZONES.len())]);
            let write = |wall: &NaiveDateTime, _| wall.format("%Y%m%dT%H%M%S").to_string();
            let walls = walls
                .iter()
                .map(|wall| wall_of(instant_of(*wall, start.zone), zone));
            let values: Vec<_> = walls.map(|wall| write(&wall, zone)).collect();
            return format!("{property};TZID={}:{}", zone.name(), values.join(","));
        }
    };
    let values: Vec<_> = walls.iter().map(|wall| write(wall, start.zone)).collect();
    format!("{property}{parameters}:{}", values.join(","))
}
