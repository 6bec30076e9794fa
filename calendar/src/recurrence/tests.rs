use chrono::{DateTime, TimeDelta, Utc};

use super::{LineError, LocalStart, Recurrence, RecurrenceError, RecurrenceSet, STEPS_MAX};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn start(instant: &str, zone: &str) -> LocalStart {
    LocalStart {
        instant: at(instant),
        zone: zone.parse().unwrap(),
        skipped: None,
        all_day: false,
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn parsed(lines: &[String], start: LocalStart) -> Result<RecurrenceSet, RecurrenceError> {
    RecurrenceSet::new(&Recurrence::parse(lines)?, start)
}

fn series(pattern: &str, start: LocalStart) -> RecurrenceSet {
    parsed(&lines(pattern), start).unwrap()
}

/// The first occurrences, as `2026-03-28T09:00:00Z`.
fn first(recurrence: &RecurrenceSet, count: usize) -> Vec<String> {
    let occurrences = recurrence.after(recurrence.start.instant).take(count);
    occurrences.map(|at| at.format("%FT%TZ").to_string()).collect()
}

#[test]
fn the_time_of_day_is_kept_when_clocks_change() {
    let berlin = start("2026-03-28T09:00:00Z", "Europe/Berlin");
    let daily = series("RRULE:FREQ=DAILY;COUNT=3", berlin);
    assert_eq!(
        first(&daily, 9),
        [
            "2026-03-28T09:00:00Z",
            "2026-03-29T08:00:00Z",
            "2026-03-30T08:00:00Z"
        ]
    );
}

#[test]
fn a_time_that_is_skipped_counts_on_from_before_the_gap() {
    // 2:30 and 3:10 in Berlin; on the 29th there is no 2:30, and 3:30 comes after 3:10.
    let early = start("2026-03-28T01:10:00Z", "Europe/Berlin");
    let daily = series("RRULE:FREQ=DAILY;BYHOUR=2,3;BYMINUTE=10,30", early);
    let day = first(&daily, 12);
    let changing = ["2026-03-29T01:10:00Z", "2026-03-29T01:30:00Z"];
    assert_eq!(day[4..6], changing, "{day:?}");
    let mut back: Vec<_> = daily
        .before(at("2026-03-30T00:30:00Z"))
        .map(|at| at.to_string())
        .collect();
    back.reverse();
    let forth: Vec<_> = daily
        .after(early.instant)
        .take(back.len())
        .map(|at| at.to_string())
        .collect();
    assert_eq!(forth, back);
}

#[test]
fn other_occurrences_are_at_the_time_of_day_that_the_start_skips() {
    let skipped: chrono::NaiveDateTime = "2027-03-28T02:30:00".parse().unwrap();
    let berlin = LocalStart {
        skipped: Some(skipped),
        ..start("2027-03-28T01:30:00Z", "Europe/Berlin")
    };
    let weekly = series("RRULE:FREQ=WEEKLY;COUNT=3", berlin);
    let expected = [
        "2027-03-28T01:30:00Z",
        "2027-04-04T00:30:00Z",
        "2027-04-11T00:30:00Z",
    ];
    assert_eq!(first(&weekly, 9), expected);
    // What is no name of the start counts for nothing.
    let other = LocalStart {
        skipped: Some(skipped + TimeDelta::minutes(1)),
        ..berlin
    };
    let weekly = series("RRULE:FREQ=WEEKLY;COUNT=2", other);
    assert_eq!(
        first(&weekly, 9),
        ["2027-03-28T01:30:00Z", "2027-04-04T01:30:00Z"]
    );
}

#[test]
fn of_a_time_that_comes_twice_the_first_counts() {
    let berlin = start("2026-10-24T00:30:00Z", "Europe/Berlin");
    let daily = series("RRULE:FREQ=DAILY;COUNT=3", berlin);
    assert_eq!(
        first(&daily, 9),
        [
            "2026-10-24T00:30:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z"
        ]
    );
    // A start is when it is, also at the second 2:30.
    let second = start("2026-10-25T01:30:00Z", "Europe/Berlin");
    let daily = series("RRULE:FREQ=DAILY;COUNT=2", second);
    assert_eq!(first(&daily, 9), ["2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]);
    assert!(daily.is_occurrence(second.instant));
    assert!(!daily.is_occurrence(at("2026-10-25T00:30:00Z")));
}

#[test]
fn a_whole_day_begins_where_midnight_is_skipped() {
    // In Cairo clocks go from 0:00 to 1:00 on the last Friday of April.
    let cairo = LocalStart {
        all_day: true,
        ..start("2026-04-23T22:00:00Z", "Africa/Cairo")
    };
    let daily = series("RRULE:FREQ=DAILY;COUNT=3", cairo);
    assert_eq!(
        first(&daily, 9),
        [
            "2026-04-23T22:00:00Z",
            "2026-04-24T21:00:00Z",
            "2026-04-25T21:00:00Z"
        ]
    );
    let end = daily.end_of(cairo.instant, TimeDelta::hours(23));
    assert_eq!(end, at("2026-04-24T21:00:00Z"));
}

#[test]
fn whole_days_at_midnight_utc_stay_there() {
    let older = LocalStart {
        all_day: true,
        ..start("2026-03-28T00:00:00Z", "Europe/Berlin")
    };
    let daily = series("RRULE:FREQ=DAILY;COUNT=2", older);
    assert_eq!(first(&daily, 9), ["2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"]);
    assert_eq!(daily.zone().name(), "UTC");
}

#[test]
fn dates_are_added_and_taken_away() {
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    let pattern = "RRULE:FREQ=DAILY;COUNT=5
        RDATE;TZID=America/New_York:20260610T040000
        EXDATE;VALUE=DATE:20260602
        EXDATE:20260603T100000,20260604T080000Z";
    let expected = [
        "2026-06-01T08:00:00Z",
        "2026-06-05T08:00:00Z",
        "2026-06-10T08:00:00Z",
    ];
    assert_eq!(first(&series(pattern, berlin), 9), expected);
    let pattern = "RDATE;VALUE=DATE:20260703,20260520";
    assert_eq!(
        first(&series(pattern, berlin), 9),
        ["2026-06-01T08:00:00Z", "2026-07-03T08:00:00Z"]
    );
}

#[test]
fn a_rule_takes_occurrences_away() {
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    let weekdays = series("RRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY;BYDAY=SA,SU;COUNT=2", berlin);
    let days = first(&weekdays, 8);
    assert_eq!(
        days[4..],
        ["2026-06-05", "2026-06-08", "2026-06-09", "2026-06-10"].map(|day| format!("{day}T08:00:00Z"))
    );
    assert!(!weekdays.is_occurrence(at("2026-06-06T08:00:00Z")));
    assert!(
        weekdays.is_occurrence(at("2026-06-13T08:00:00Z")),
        "the exclusion is counted"
    );
}

#[test]
fn weeks_that_lie_in_two_years_have_one_number() {
    // Week 53 of 2026 ends on 3 January 2027, week 1 of 2020 began on 30 December 2019.
    let utc = start("2019-01-01T00:00:00Z", "UTC");
    let last = series("RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=TH,SU", utc);
    assert_eq!(
        first(&last, 4),
        ["2020-12-31", "2021-01-03", "2026-12-31", "2027-01-03"].map(|day| format!("{day}T00:00:00Z"))
    );
    let one = series("RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", utc);
    assert_eq!(first(&one, 2), ["2019-12-30T00:00:00Z", "2021-01-04T00:00:00Z"]);
    let last_of_year = series("RRULE:FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU", utc);
    assert_eq!(
        first(&last_of_year, 2),
        ["2019-12-29T00:00:00Z", "2021-01-03T00:00:00Z"]
    );
}

#[test]
fn ends_are_known_where_there_are_any() {
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    let hour = TimeDelta::hours(1);
    for (pattern, end) in [
        ("RRULE:FREQ=DAILY", None),
        ("RRULE:FREQ=DAILY;COUNT=10", Some("2026-06-10T09:00:00Z")),
        ("RRULE:FREQ=DAILY;UNTIL=20260610", Some("2026-06-10T09:00:00Z")),
        (
            "RRULE:FREQ=DAILY;UNTIL=20260610T075959Z",
            Some("2026-06-09T09:00:00Z"),
        ),
        (
            "RRULE:FREQ=WEEKLY;BYDAY=MO,FR;COUNT=100;WKST=SU",
            Some("2027-05-14T09:00:00Z"),
        ),
        ("RRULE:FREQ=YEARLY;COUNT=100", None),
        ("RRULE:FREQ=DAILY;COUNT=2000000000", None),
        (
            "RRULE:FREQ=DAILY;COUNT=2\nRDATE:20270101T100000Z",
            Some("2027-01-01T11:00:00Z"),
        ),
        ("RDATE:20270101T100000Z", Some("2027-01-01T11:00:00Z")),
        (
            "RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260603T080000Z",
            Some("2026-06-02T09:00:00Z"),
        ),
    ] {
        assert_eq!(series(pattern, berlin).last_end(hour), end.map(at), "{pattern}");
    }
}

#[test]
fn a_series_is_known_for_forty_years() {
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    let yearly = series("RRULE:FREQ=YEARLY", berlin);
    assert_eq!(yearly.after(berlin.instant).count(), 41);
    let later = yearly.known_at(at("2036-01-01T00:00:00Z"));
    assert_eq!(
        later.after(berlin.instant).last(),
        Some(at("2075-06-01T08:00:00Z"))
    );
    assert!(!later.is_occurrence(at("2076-06-01T08:00:00Z")));
}

#[test]
fn no_call_takes_many_steps() {
    let berlin = start("2024-02-29T08:00:00Z", "Europe/Berlin");
    let daily = series("RRULE:FREQ=DAILY", berlin);
    for (occurrences, count) in [
        (daily.after(at("2054-01-01T00:00:00Z")), 100),
        (daily.before(at("2054-01-01T00:00:00Z")), 100),
    ] {
        let mut occurrences = occurrences;
        assert_eq!(occurrences.by_ref().take(count).count(), count);
        assert!(occurrences.steps() < 600, "{}", occurrences.steps());
    }
    for (pattern, steps_max) in [
        ("RRULE:FREQ=YEARLY", 200),
        ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", 200),
        ("RRULE:FREQ=DAILY;COUNT=2000000000", 50_000),
        ("RRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS=53", 60_000),
        ("RRULE:FREQ=DAILY;INTERVAL=4294967295", 10),
        (
            "RDATE:20240301T000000Z\nEXRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            50_000,
        ),
    ] {
        let series = series(pattern, berlin);
        let mut occurrences = series.after(at("2040-01-01T00:00:00Z"));
        occurrences.by_ref().for_each(drop);
        assert!(
            occurrences.steps() <= steps_max,
            "{pattern}: {}",
            occurrences.steps()
        );
        assert!(occurrences.steps() < STEPS_MAX);
    }
}

#[test]
fn what_never_takes_place_is_refused() {
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    for pattern in [
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY;UNTIL=20260531",
        "RRULE:FREQ=DAILY\nEXRULE:FREQ=DAILY",
        "RRULE:FREQ=DAILY;COUNT=1\nEXDATE:20260601T080000Z",
        "EXDATE:20260601T080000Z",
        "RRULE:FREQ=DAILY;BYDAY=MO;COUNT=3\nEXRULE:FREQ=WEEKLY;BYDAY=MO",
        "RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
    ] {
        let refused = parsed(&lines(pattern), berlin).unwrap_err();
        assert_eq!(refused, RecurrenceError::NoOccurrence, "{pattern}");
    }
    let refused = parsed(
        &lines("RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5"),
        berlin,
    );
    assert_eq!(refused.unwrap_err(), RecurrenceError::TimesPerDay);
    let hours: Vec<_> = (0..24).map(|hour| hour.to_string()).collect();
    let pattern = format!(
        "RRULE:FREQ=DAILY;BYHOUR={0}\nEXRULE:FREQ=DAILY;BYHOUR={0}",
        hours.join(",")
    );
    let refused = parsed(&lines(&pattern), berlin).unwrap_err();
    assert_eq!(refused, RecurrenceError::TooCostly);
}

fn refusal(line: &str) -> LineError {
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    match parsed(&[line.to_owned()], berlin) {
        Err(RecurrenceError::Line { number: 1, problem }) => problem,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn lines_are_refused_with_their_reason() {
    use LineError::{
        CountAndUntil, CountedWeekday, Frequency, NoFrequency, NoValue, PartWithFrequency, Period,
        PositionsAlone, TooLong, Twice, UnknownProperty,
    };
    for (line, problem) in [
        ("", UnknownProperty),
        ("DTSTART:20260601T080000Z", UnknownProperty),
        ("DTEND:20260601T080000Z", UnknownProperty),
        ("RRULE", NoValue),
        ("RRULE:", NoValue),
        ("RRULE:FREQ=DAILY\nDTSTART:20260601T080000Z", TooLong),
        ("RRULE:INTERVAL=2", NoFrequency),
        ("RRULE:FREQ=SECONDLY", Frequency),
        ("RRULE:FREQ=MINUTELY", Frequency),
        ("RRULE:FREQ=HOURLY", Frequency),
        ("EXRULE:FREQ=HOURLY", Frequency),
        ("RRULE:FREQ=DAILY;FREQ=DAILY", Twice("FREQ")),
        ("RRULE:FREQ=DAILY;COUNT=2;UNTIL=20270101", CountAndUntil),
        ("RRULE:FREQ=WEEKLY;BYMONTHDAY=1", PartWithFrequency("BYMONTHDAY")),
        ("RRULE:FREQ=MONTHLY;BYYEARDAY=1", PartWithFrequency("BYYEARDAY")),
        ("RRULE:FREQ=MONTHLY;BYWEEKNO=1", PartWithFrequency("BYWEEKNO")),
        ("RRULE:FREQ=WEEKLY;BYDAY=1MO", CountedWeekday),
        ("RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", CountedWeekday),
        ("RRULE:FREQ=MONTHLY;BYSETPOS=1", PositionsAlone),
        ("RDATE;VALUE=PERIOD:20260601T080000Z/PT1H", Period),
        ("RDATE:20260601T080000Z/PT1H", Period),
        (
            "RDATE;TZID=Europe/Atlantis:20260601T080000",
            LineError::UnknownZone("Europe/Atlantis".to_owned()),
        ),
        (
            "RRULE;TZID=Europe/Berlin:FREQ=DAILY",
            LineError::Parameter("TZID=Europe/Berlin".to_owned()),
        ),
        ("RDATE:20260631", LineError::Date("20260631".to_owned())),
        ("RDATE:19691231", LineError::Date("19691231".to_owned())),
        ("RDATE:2026-06-01", LineError::Date("2026-06-01".to_owned())),
        (
            "RRULE:FREQ=DAILY;BYEASTER=1",
            LineError::UnknownPart("BYEASTER".to_owned()),
        ),
    ] {
        assert_eq!(refusal(line), problem, "{line}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for (part, values) in [
        ("INTERVAL", &["0", "-1", "+1", "", "x", "4294967296"][..]),
        ("COUNT", &["0", "-1", "1.5"]),
        ("WKST", &["", "XX", "1MO"]),
        ("BYSECOND", &["60", "-1"]),
        ("BYMINUTE", &["77", ""]),
        ("BYHOUR", &["24", "1,,2"]),
        ("BYDAY", &["", "MOO", "0MO", "54MO", "ÄMO", "é"]),
        ("BYMONTHDAY", &["0", "32", "-32"]),
        ("BYMONTH", &["0", "13", "-1"]),
        ("BYYEARDAY", &["367"]),
        ("BYWEEKNO", &["54", "0"]),
        ("BYSETPOS", &["367", "0", "-2147483648"]),
    ] {
        for value in values {
            let problem = refusal(&format!("RRULE:FREQ=YEARLY;{part}={value}"));
            assert!(
                matches!(problem, LineError::Value { part: named, .. } if named == part),
                "{part}={value}"
            );
        }
    }
}

#[test]
fn patterns_have_a_size() {
    let long = format!("RDATE:{}", "20260601,".repeat(200));
    assert_eq!(refusal(&long), LineError::TooLong);
    let berlin = start("2026-06-01T08:00:00Z", "Europe/Berlin");
    let pattern = vec!["RRULE:FREQ=DAILY".to_owned(); 5];
    assert_eq!(parsed(&pattern, berlin).unwrap_err(), RecurrenceError::LineCount);
    assert_eq!(first(&parsed(&[], berlin).unwrap(), 3), ["2026-06-01T08:00:00Z"]);
}

#[test]
fn patterns_have_one_text() {
    for (given, text) in [
        ("RRULE:FREQ=WEEKLY;BYDAY=MO", "RRULE:FREQ=WEEKLY;BYDAY=MO"),
        (
            "rrule:freq=weekly;byday=mo, we;count=4",
            "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO,WE",
        ),
        (" RRULE:FREQ=DAILY; COUNT=3", "RRULE:FREQ=DAILY;COUNT=3"),
        (
            "freq=monthly;BYDAY=1mo,-1FR,+1MO",
            "RRULE:FREQ=MONTHLY;BYDAY=1MO,-1FR",
        ),
        (
            "RRULE;X-A=b:UNTIL=20270108t090000z;FREQ=DAILY;\u{a0}INTERVAL=070000",
            "RRULE:FREQ=DAILY;INTERVAL=70000;UNTIL=20270108T090000Z",
        ),
        (
            "EXRULE:FREQ=YEARLY;BYMONTH=3,1,3;WKST=MO;BYMONTHDAY=-1,01",
            "EXRULE:FREQ=YEARLY;BYMONTH=1,3;BYMONTHDAY=-1,1",
        ),
        (
            "EXDATE:20270105T100000, 20270106t100000",
            "EXDATE:20270105T100000,20270106T100000",
        ),
        (
            "exdate;x-a=b\"c;tzid=\"Europe/Berlin\":20270105t100000",
            "EXDATE;TZID=Europe/Berlin:20270105T100000",
        ),
        (
            "EXDATE;TZID=Europe/Berlin:20270105T090000z",
            "EXDATE:20270105T090000Z",
        ),
        ("RDATE:20270105,20270106", "RDATE;VALUE=DATE:20270105,20270106"),
        (
            "RDATE;VALUE=DATE:20270105,20270106T100000",
            "RDATE:20270105,20270106T100000",
        ),
    ] {
        let once = Recurrence::parse(&[given]).unwrap().lines();
        assert_eq!(once, [text]);
        assert_eq!(Recurrence::parse(&once).unwrap().lines(), once);
    }
    let several = ["EXDATE:20270105", "RDATE:20270106", " rrule:FREQ=DAILY"];
    assert_eq!(
        Recurrence::parse(&several).unwrap().lines(),
        [
            "RRULE:FREQ=DAILY",
            "EXDATE;VALUE=DATE:20270105",
            "RDATE;VALUE=DATE:20270106"
        ]
    );
    let long = format!("EXDATE:{}20260101", "20260101,".repeat(112));
    let text = Recurrence::parse(&[&long]).unwrap().lines();
    assert_eq!(text, [long], "a type would make it too long to be given back");
}

#[test]
fn a_set_of_positions_begins_with_its_week() {
    // Wednesday is the second of its week.
    let berlin = start("2027-01-06T09:00:00Z", "Europe/Berlin");
    let second = series("RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2;COUNT=3", berlin);
    let days = ["2027-01-06", "2027-01-13", "2027-01-20"].map(|day| format!("{day}T09:00:00Z"));
    assert_eq!(first(&second, 5), days);
}

#[test]
fn a_week_of_the_year_is_on_the_weekday_of_the_start() {
    let utc = start("2027-01-06T09:00:00Z", "UTC");
    let weeks = series("RRULE:FREQ=YEARLY;BYWEEKNO=10,20;COUNT=3", utc);
    let days = ["2027-03-10", "2027-05-19", "2028-03-08"].map(|day| format!("{day}T09:00:00Z"));
    assert_eq!(first(&weeks, 5), days);
}
