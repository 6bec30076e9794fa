use super::*;
use crate::events::parse;

fn time(datetime: &str) -> ZonedTime {
    parse(datetime, "Europe/Berlin").expect("a time")
}

fn timed(starts_at: &str, ends_at: &str) -> Asked {
    Asked {
        is_time_independent: Some(false),
        is_all_day: Some(false),
        starts_at: Some(time(starts_at)),
        ends_at: Some(time(ends_at)),
        skipped_start: None,
        recurrence: None,
    }
}

fn weekly() -> Asked {
    Asked {
        recurrence: Some(vec!["RRULE:FREQ=WEEKLY;COUNT=3".to_owned()]),
        ..timed("2027-03-22T10:00", "2027-03-22T11:00")
    }
}

fn refused(schedule: Result<Schedule, ScheduleRefusal>) -> Vec<(&'static str, &'static str)> {
    match schedule.expect_err("refused") {
        ScheduleRefusal::Fields(found) => found.iter().map(|one| (one.field, one.code)).collect(),
        ScheduleRefusal::Event(_) => vec![("", "invalid_event")],
    }
}

#[test]
fn a_series_keeps_its_wall_clock_and_knows_its_end() {
    let schedule = Schedule::new(weekly()).expect("a schedule");
    // Three weeks later, in summer time.
    assert_eq!(schedule.series_ends_at, Some(time("2027-04-05T11:00").at));
    let single = Schedule::new(timed("2027-03-22T10:00", "2027-03-22T10:00")).expect("a schedule");
    assert_eq!(single.series_ends_at, Some(time("2027-03-22T10:00").at));
    let endless = Asked {
        recurrence: Some(vec!["RRULE:FREQ=DAILY".to_owned()]),
        ..weekly()
    };
    assert_eq!(Schedule::new(endless).expect("a schedule").series_ends_at, None);
}

#[test]
fn times_are_all_there_or_not_at_all() {
    let required = Asked {
        is_time_independent: Some(false),
        is_all_day: Some(true),
        ..Asked::default()
    };
    let missing = [("starts_at", "value_required"), ("ends_at", "value_required")];
    assert_eq!(refused(Schedule::new(required.clone())), missing);
    assert_eq!(refused(Schedule::default().changed(required)), missing);
    let ignored = Asked {
        is_time_independent: Some(true),
        is_all_day: Some(true),
        ..weekly()
    };
    let fields = ["is_all_day", "starts_at", "ends_at", "recurrence_pattern"];
    let expected = fields.map(|field| (field, "ignored_value"));
    assert_eq!(refused(Schedule::new(ignored.clone())), expected[..3]);
    let series = Schedule::new(weekly()).expect("a schedule");
    assert_eq!(refused(series.changed(ignored)), expected[..3]);
    let still = Asked {
        is_time_independent: None,
        is_all_day: Some(true),
        ..weekly()
    };
    assert_eq!(refused(Schedule::default().changed(still)), expected);
}

#[test]
fn what_means_nothing_without_times_is_passed_over() {
    let series = Schedule::new(weekly()).expect("a schedule");
    for recurrence in [Some(Vec::new()), weekly().recurrence] {
        let form = Asked {
            is_time_independent: Some(true),
            is_all_day: Some(false),
            recurrence,
            ..Asked::default()
        };
        assert_eq!(Schedule::new(form.clone()), Ok(Schedule::default()));
        assert_eq!(series.changed(form.clone()), Ok(Schedule::default()));
        assert_eq!(Schedule::default().changed(form), Ok(Schedule::default()));
    }
}

#[test]
fn a_whole_form_has_no_pattern_where_it_names_none() {
    let series = Schedule::new(weekly()).expect("a schedule");
    let form = timed("2027-03-22T10:00", "2027-03-22T11:00");
    let single = series.changed(form.clone()).expect("a schedule");
    assert_eq!(single, Schedule::new(form.clone()).expect("a schedule"));
    assert!(single.has_other_occurrences(&series));
    let parts = [
        Asked {
            is_time_independent: None,
            ..form.clone()
        },
        Asked {
            ends_at: None,
            ..form
        },
    ];
    for part in parts {
        assert_eq!(series.changed(part).as_ref(), Ok(&series));
    }
}

#[test]
fn the_zone_of_a_whole_form_counts_with_another_time_only() {
    let tokyo = |datetime: &str| parse(datetime, "Asia/Tokyo").expect("a time");
    let series = Schedule::new(weekly()).expect("a schedule");
    let form = Asked {
        starts_at: Some(tokyo("2027-03-22T18:00")),
        ends_at: Some(tokyo("2027-03-22T19:00")),
        ..weekly()
    };
    assert_eq!(series.changed(form.clone()).as_ref(), Ok(&series));
    let longer = Asked {
        ends_at: Some(tokyo("2027-03-22T20:00")),
        ..form.clone()
    };
    let longer = series.changed(longer).expect("a schedule").times.expect("times");
    assert_eq!(longer.starts_at, time("2027-03-22T10:00"));
    assert_eq!(longer.ends_at, tokyo("2027-03-22T20:00"));
    // Whoever says no more than that means it.
    let part = Asked {
        is_time_independent: None,
        ..form
    };
    let moved = series.changed(part).expect("a schedule");
    assert_eq!(moved.times.expect("times").starts_at, tokyo("2027-03-22T18:00"));
}

#[test]
fn patterns_are_compared_by_what_they_mean() {
    let before = weekly();
    let series = Schedule::new(before.clone()).expect("a schedule");
    for (lines, is_same) in [
        (&["RRULE:FREQ=WEEKLY;COUNT=3"][..], true),
        (&["rrule:count=3;freq=weekly;interval=1"], true),
        (&["FREQ=WEEKLY;COUNT=3;BYDAY=MO"], true),
        (&["RRULE:FREQ=WEEKLY;COUNT=4"], false),
        (&["RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20270329T080000Z"], false),
        (&["RRULE:FREQ=WEEKLY;COUNT=3", "EXRULE:FREQ=YEARLY"], false),
    ] {
        let asked = Asked {
            recurrence: Some(lines.iter().copied().map(str::to_owned).collect()),
            ..before.clone()
        };
        let changed = series.changed(asked).expect("a schedule");
        assert_eq!(changed == series, is_same, "{lines:?}");
        assert_eq!(changed.has_other_occurrences(&series), !is_same, "{lines:?}");
    }
}

#[test]
fn the_rule_is_named_and_comes_first() {
    let lines = ["EXDATE:20270329T080000Z", "FREQ=WEEKLY;COUNT=3"].map(str::to_owned);
    let asked = Asked {
        recurrence: Some(lines.to_vec()),
        ..weekly()
    };
    let series = Schedule::new(asked.clone()).expect("a schedule");
    assert_eq!(
        series.recurrence.lines(),
        ["RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20270329T080000Z"]
    );
    assert_eq!(series.changed(asked).as_ref(), Ok(&series));
    // What is stored in another order stays so.
    let lines = [
        "RRULE:FREQ=WEEKLY;COUNT=3",
        "RDATE:20270324T080000Z",
        "EXDATE:20270329T080000Z",
    ];
    let asked = |lines: &[&str]| Asked {
        recurrence: Some(lines.iter().copied().map(str::to_owned).collect()),
        ..weekly()
    };
    let stored = Schedule::new(asked(&lines)).expect("a schedule");
    let form = asked(&[lines[2], lines[1], lines[0]]);
    assert_eq!(stored.changed(form).as_ref(), Ok(&stored));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let invalid = [("", "invalid_event")];
    assert_eq!(
        refused(Schedule::new(timed("2027-03-22T10:00", "2027-03-22T09:59:59"))),
        invalid
    );
    for (starts_at, ends_at, fits) in [
        ("2027-03-22T00:00", "2027-03-23T00:00", true),
        ("2027-03-22T00:00:00Z", "2027-03-23T00:00:00Z", true),
        ("2027-03-28T00:00", "2027-03-29T00:00", true),
        ("2027-03-22T00:00", "2027-03-22T23:59:59", false),
        ("2027-03-22T00:01", "2027-03-23T00:00", false),
    ] {
        let asked = Asked {
            is_all_day: Some(true),
            ..timed(starts_at, ends_at)
        };
        assert_eq!(Schedule::new(asked).is_ok(), fits, "{starts_at}");
    }
    // In Beirut, midnight of that day was skipped: it began at 01:00.
    let day = |at: &str| parse(at, "Asia/Beirut").expect("a time");
    let skipped = Asked {
        is_all_day: Some(true),
        starts_at: Some(day("2021-03-28T01:00")),
        ends_at: Some(day("2021-03-29T00:00")),
        ..timed("2027-03-22T00:00", "2027-03-23T00:00")
    };
    assert!(Schedule::new(skipped).is_ok());
    for line in ["RRULE:FREQ=SECONDLY", "DTSTART:20270101T000000Z", "nonsense", ""] {
        let asked = Asked {
            recurrence: Some(vec![line.to_owned()]),
            ..weekly()
        };
        assert_eq!(refused(Schedule::new(asked)), invalid, "{line}");
    }
}

#[test]
fn changes_keep_what_they_do_not_name() {
    let before = Schedule::new(weekly()).expect("a schedule");
    assert_eq!(before.changed(Asked::default()).as_ref(), Ok(&before));
    let longer = Asked {
        ends_at: Some(time("2027-03-22T12:00")),
        ..Asked::default()
    };
    let longer = before.changed(longer).expect("a schedule");
    assert_eq!(longer.recurrence, before.recurrence);
    assert_eq!(longer.series_ends_at, Some(time("2027-04-05T12:00").at));
    assert!(!longer.has_other_occurrences(&before));
    let later = Asked {
        starts_at: Some(time("2027-03-22T11:30")),
        ..Asked::default()
    };
    assert_eq!(refused(before.changed(later)), [("", "invalid_event")]);
}

#[test]
fn exceptions_outlive_what_leaves_the_occurrences_alone() {
    let before = Schedule::new(weekly()).expect("a schedule");
    let single = Schedule::new(timed("2027-03-22T10:00", "2027-03-22T11:00")).expect("a schedule");
    let changed = |asked: Asked| {
        before
            .changed(asked)
            .expect("a schedule")
            .has_other_occurrences(&before)
    };
    assert!(!changed(weekly()));
    assert!(changed(Asked {
        recurrence: Some(Vec::new()),
        ..Asked::default()
    }));
    assert!(changed(Asked {
        starts_at: Some(time("2027-03-22T10:30")),
        ..Asked::default()
    }));
    let elsewhere = ZonedTime {
        zone: colloquy_calendar::zones::Zone::UTC,
        ..time("2027-03-22T10:00")
    };
    assert!(changed(Asked {
        starts_at: Some(elsewhere),
        ..Asked::default()
    }));
    assert!(changed(Asked {
        is_time_independent: Some(true),
        ..Asked::default()
    }));
    assert!(!before.has_other_occurrences(&single));
}
