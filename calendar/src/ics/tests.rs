use super::{calendar as calendar_of, instance as instance_of, *};
use crate::recurrence::Recurrence;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn moment(text: &str, timezone: &str) -> Moment {
    Moment {
        at: at(text),
        timezone: timezone.to_owned(),
    }
}

fn calendar(method: Method, stamped: DateTime<Utc>, entry: &Entry) -> String {
    calendar_of(method, stamped, (entry, entry.timetable().as_ref()))
}

fn instance(method: Method, stamped: DateTime<Utc>, entry: &Entry, original: DateTime<Utc>) -> String {
    instance_of(method, stamped, (entry, entry.timetable().as_ref()), original)
}

fn recurrence(lines: &[&str]) -> Recurrence {
    Recurrence::parse(lines).unwrap()
}

/// Mondays at ten in Berlin.
fn weekly() -> Entry {
    Entry {
        id: uuid::Uuid::from_u128(7),
        revision: 3,
        created_at: at("2026-01-01T08:00:00Z"),
        updated_at: at("2026-01-02T08:00:00Z"),
        title: "Weekly, with; marks".to_owned(),
        description: "Line one\nline two".to_owned(),
        details: String::new(),
        span: Some(Span {
            is_all_day: false,
            starts_at: moment("2026-01-05T09:00:00Z", "Europe/Berlin"),
            ends_at: moment("2026-01-05T10:00:00Z", "Europe/Berlin"),
            skipped_start: None,
        }),
        recurrence: recurrence(&["RRULE:FREQ=WEEKLY"]),
        exceptions: vec![
            Exception {
                original_starts_at: at("2026-04-06T08:00:00Z"),
                is_cancelled: true,
                title: None,
                description: None,
                span: None,
            },
            Exception {
                original_starts_at: at("2026-04-13T08:00:00Z"),
                is_cancelled: false,
                title: Some("Moved".to_owned()),
                description: None,
                span: Some(Span {
                    is_all_day: false,
                    starts_at: moment("2026-04-14T12:00:00Z", "Europe/Berlin"),
                    ends_at: moment("2026-04-14T13:00:00Z", "Europe/Berlin"),
                    skipped_start: None,
                }),
            },
        ],
        is_cancelled: false,
        organizer: Some(Person {
            name: "Ada \"A\" Adams".to_owned(),
            email: "ada@example.org".to_owned(),
        }),
        attendees: vec![Attendee {
            person: Person {
                name: "Bob".to_owned(),
                email: "bob@example.org".to_owned(),
            },
            status: Participation::Pending,
        }],
        url: Some("https://meet.example.org/room/1".to_owned()),
    }
}

/// The lines of the events alone, unfolded.
fn events(text: &str) -> Vec<String> {
    let text = text.replace("\r\n ", "");
    let events = &text[text.find("BEGIN:VEVENT").unwrap()..text.find("END:VCALENDAR").unwrap()];
    events.lines().map(str::to_owned).collect()
}

#[test]
fn a_series_comes_with_its_exceptions() {
    let text = calendar(Method::Request, at("2026-02-01T00:00:00Z"), &weekly());
    assert!(text.starts_with(
        "BEGIN:VCALENDAR\r\nPRODID:-//Colloquy//Colloquy//EN\r\nVERSION:2.0\r\nCALSCALE:GREGORIAN\r\n\
         METHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n"
    ));
    let head = [
        "BEGIN:VEVENT",
        "UID:00000000-0000-0000-0000-000000000007",
        "SEQUENCE:3",
        "DTSTAMP:20260201T000000Z",
        "CREATED:20260101T080000Z",
        "LAST-MODIFIED:20260102T080000Z",
    ];
    let tail = [
        "DESCRIPTION:Line one\\nline two",
        "LOCATION:https://meet.example.org/room/1",
        "URL:https://meet.example.org/room/1",
        "CONFERENCE;VALUE=URI;FEATURE=AUDIO,VIDEO:https://meet.example.org/room/1",
        "ORGANIZER;CN=\"Ada 'A' Adams\":mailto:ada@example.org",
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=\"Bob\":mailto:bob@example.org",
        "STATUS:CONFIRMED",
        "END:VEVENT",
    ];
    let series = [
        "DTSTART;TZID=Europe/Berlin:20260105T100000",
        "DTEND;TZID=Europe/Berlin:20260105T110000",
        "RRULE:FREQ=WEEKLY",
        "EXDATE;TZID=Europe/Berlin:20260406T100000",
        "SUMMARY:Weekly\\, with\\; marks",
    ];
    let moved = [
        "RECURRENCE-ID;TZID=Europe/Berlin:20260413T100000",
        "DTSTART;TZID=Europe/Berlin:20260414T140000",
        "DTEND;TZID=Europe/Berlin:20260414T150000",
        "SUMMARY:Moved",
    ];
    let expected = [&head[..], &series, &tail, &head, &moved, &tail].concat();
    assert_eq!(events(&text), expected);
}

#[test]
fn one_occurrence_is_told_alone() {
    let entry = weekly();
    let stamped = at("2026-02-01T00:00:00Z");
    let cancelled = events(&instance(
        Method::Cancel,
        stamped,
        &entry,
        at("2026-04-06T08:00:00Z"),
    ));
    for line in [
        "RECURRENCE-ID;TZID=Europe/Berlin:20260406T100000",
        "DTSTART;TZID=Europe/Berlin:20260406T100000",
        "DTEND;TZID=Europe/Berlin:20260406T110000",
        "STATUS:CANCELLED",
    ] {
        assert!(
            cancelled.iter().any(|known| known == line),
            "{line}: {cancelled:#?}"
        );
    }
    assert!(
        !cancelled
            .iter()
            .any(|line| line.starts_with("RRULE") || line.starts_with("EXDATE"))
    );
    assert_eq!(cancelled.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1);
    let unchanged = events(&instance(
        Method::Request,
        stamped,
        &entry,
        at("2026-01-12T09:00:00Z"),
    ));
    assert!(unchanged.contains(&"DTSTART;TZID=Europe/Berlin:20260112T100000".to_owned()));
}

#[test]
fn cancelling_a_series_is_one_event_without_exceptions_beside_it() {
    let cancelled = events(&calendar(Method::Cancel, at("2026-02-01T00:00:00Z"), &weekly()));
    assert_eq!(cancelled.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1);
    assert!(cancelled.contains(&"STATUS:CANCELLED".to_owned()));
}

#[test]
fn whole_days_are_dates_with_a_free_day_as_their_end() {
    // Midnight of the zone, midnight of UTC; the end as the same day, or as the next.
    for (start, end, first, free) in [
        (
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
            "20260329",
            "20260330",
        ),
        (
            "2026-03-29T00:00:00Z",
            "2026-03-30T00:00:00Z",
            "20260329",
            "20260330",
        ),
        (
            "2026-03-29T00:00:00Z",
            "2026-03-29T00:00:00Z",
            "20260329",
            "20260330",
        ),
        (
            "2026-03-29T00:00:00Z",
            "2026-04-02T00:00:00Z",
            "20260329",
            "20260402",
        ),
    ] {
        let mut entry = weekly();
        (entry.recurrence, entry.exceptions) = (Recurrence::default(), Vec::new());
        entry.span = Some(Span {
            is_all_day: true,
            starts_at: moment(start, "Europe/Berlin"),
            ends_at: moment(end, "Europe/Berlin"),
            skipped_start: None,
        });
        let text = calendar(Method::Publish, at("2026-02-01T00:00:00Z"), &entry);
        assert!(!text.contains("VTIMEZONE"));
        let lines = events(&text);
        assert!(
            lines.contains(&format!("DTSTART;VALUE=DATE:{first}")),
            "{lines:#?}"
        );
        assert!(lines.contains(&format!("DTEND;VALUE=DATE:{free}")), "{lines:#?}");
    }
}

#[test]
fn the_second_of_two_equal_local_times_is_told_in_utc() {
    let mut entry = weekly();
    (entry.recurrence, entry.exceptions) = (Recurrence::default(), Vec::new());
    entry.span = Some(Span {
        is_all_day: false,
        starts_at: moment("2026-10-25T00:30:00Z", "Europe/Berlin"),
        ends_at: moment("2026-10-25T01:30:00Z", "Europe/Berlin"),
        skipped_start: None,
    });
    let lines = events(&calendar(Method::Request, at("2026-02-01T00:00:00Z"), &entry));
    assert!(lines.contains(&"DTSTART;TZID=Europe/Berlin:20261025T023000".to_owned()));
    assert!(lines.contains(&"DTEND:20261025T013000Z".to_owned()));
}

#[test]
fn without_times_an_event_can_only_be_cancelled() {
    let mut entry = weekly();
    (entry.span, entry.recurrence, entry.exceptions) = (None, Recurrence::default(), Vec::new());
    let shown = calendar(Method::Publish, at("2026-02-01T00:00:00Z"), &entry);
    assert!(!shown.contains("VEVENT"));
    assert!(shown.contains("BEGIN:VTIMEZONE\r\nTZID:UTC\r\n"), "{shown}");
    let cancelled = events(&calendar(Method::Cancel, at("2026-02-01T00:00:00Z"), &entry));
    assert!(!cancelled.iter().any(|line| line.starts_with("DTSTART")));
}

#[test]
fn who_has_no_address_organizes_nothing() {
    let mut entry = weekly();
    let shown = |entry: &Entry| calendar(Method::Request, at("2026-02-01T00:00:00Z"), entry);
    assert!(shown(&entry).contains("ORGANIZER;"));
    if let Some(organizer) = &mut entry.organizer {
        organizer.email.clear();
    }
    assert!(!shown(&entry).contains("ORGANIZER"));
}

/// The lines of a series that tell when it takes place, of the event and of its exceptions.
fn when(span: Span, lines: &[&str], exceptions: Vec<Exception>) -> Vec<String> {
    let entry = Entry {
        span: Some(span),
        recurrence: recurrence(lines),
        exceptions,
        ..weekly()
    };
    let text = calendar(Method::Publish, at("2026-02-01T00:00:00Z"), &entry);
    let told = [
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
        "RECURRENCE-ID",
    ];
    let is_told = |line: &String| told.iter().any(|name| line.starts_with(name));
    events(&text).into_iter().filter(is_told).collect()
}

fn berlin(start: &str, end: &str) -> Span {
    Span {
        is_all_day: false,
        starts_at: moment(start, "Europe/Berlin"),
        ends_at: moment(end, "Europe/Berlin"),
        skipped_start: None,
    }
}

fn exception(original: &str) -> Exception {
    Exception {
        original_starts_at: at(original),
        is_cancelled: false,
        title: Some("Other".to_owned()),
        description: None,
        span: None,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_series_begins_where_its_rule_does() {
    let ten = || berlin("2027-01-04T09:00:00Z", "2027-01-04T10:00:00Z");
    let start = "DTSTART;TZID=Europe/Berlin:20270104T100000";
    let end = "DTEND;TZID=Europe/Berlin:20270104T110000";
    for (span, lines, told) in [
        // COUNT counts what is excluded.
        (
            ten(),
            &["RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20270104T090000Z"][..],
            &[
                start,
                end,
                "RRULE:FREQ=DAILY;COUNT=3",
                "EXDATE;TZID=Europe/Berlin:20270104T100000",
            ][..],
        ),
        // A date that is added says nothing of the rule's.
        (
            berlin("2027-01-05T09:00:00Z", "2027-01-05T10:00:00Z"),
            &["RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4", "RDATE:20270106T150000Z"],
            &[
                "DTSTART;TZID=Europe/Berlin:20270111T100000",
                "DTEND;TZID=Europe/Berlin:20270111T110000",
                "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO",
                "RDATE;TZID=Europe/Berlin:20270106T160000",
            ],
        ),
        // A time that is skipped is told as it was meant, and how long it is.
        (
            berlin("2027-03-27T01:30:00Z", "2027-03-27T02:30:00Z"),
            &["RRULE:FREQ=WEEKLY;BYDAY=SU;COUNT=2"],
            &[
                "DTSTART;TZID=Europe/Berlin:20270328T023000",
                "DURATION:PT1H",
                "RRULE:FREQ=WEEKLY;COUNT=2;BYDAY=SU",
            ],
        ),
        // All times of a day are excluded.
        (
            ten(),
            &[
                "RRULE:FREQ=DAILY;BYHOUR=10,17;COUNT=6",
                "EXDATE;VALUE=DATE:20270105",
            ],
            &[
                start,
                end,
                "RRULE:FREQ=DAILY;COUNT=6;BYHOUR=10,17",
                "EXDATE;TZID=Europe/Berlin:20270105T100000,20270105T170000",
            ],
        ),
        // What only RFC 2445 knows becomes dates.
        (
            ten(),
            &["RRULE:FREQ=DAILY;COUNT=10", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"],
            &[
                start,
                end,
                "RRULE:FREQ=DAILY;COUNT=10",
                "EXDATE;TZID=Europe/Berlin:20270109T100000,20270110T100000",
            ],
        ),
        // One rule, and the dates of the other.
        (
            ten(),
            &["RRULE:FREQ=DAILY;COUNT=2", "RRULE:FREQ=MONTHLY;COUNT=3"],
            &[
                start,
                end,
                "RRULE:FREQ=DAILY;COUNT=2",
                "RDATE;TZID=Europe/Berlin:20270204T100000,20270304T100000",
            ],
        ),
        // The second of two equal times can't be named by a rule.
        (
            berlin("2027-10-31T01:45:00Z", "2027-10-31T02:45:00Z"),
            &["RRULE:FREQ=WEEKLY;COUNT=3"],
            &[
                "DTSTART;TZID=Europe/Berlin:20271031T024500",
                "DURATION:PT1H",
                "RRULE:FREQ=WEEKLY;COUNT=3",
                "RDATE:20271031T014500Z",
                "EXDATE;TZID=Europe/Berlin:20271031T024500",
            ],
        ),
        // Half an hour, though clocks go back within it.
        (
            berlin("2027-10-31T00:45:00Z", "2027-10-31T01:15:00Z"),
            &["RRULE:FREQ=WEEKLY;COUNT=3"],
            &[
                "DTSTART;TZID=Europe/Berlin:20271031T024500",
                "DURATION:PT30M",
                "RRULE:FREQ=WEEKLY;COUNT=3",
            ],
        ),
        // Without a rule there are dates only, and nothing that has no occurrence.
        (
            ten(),
            &["RDATE:20270106T150000Z,20270108T100000", "EXDATE:20270104T100000"],
            &[
                "DTSTART;TZID=Europe/Berlin:20270106T160000",
                "DTEND;TZID=Europe/Berlin:20270106T170000",
                "RDATE;TZID=Europe/Berlin:20270106T160000,20270108T100000",
            ],
        ),
        // Ends in UTC beside a local start; a day means all of it.
        (
            ten(),
            &["RRULE:FREQ=DAILY;UNTIL=20270301"],
            &[start, end, "RRULE:FREQ=DAILY;UNTIL=20270301T225959Z"],
        ),
    ] {
        assert_eq!(when(span, lines, Vec::new()), told, "{lines:?}");
    }
}

#[test]
fn whole_days_of_a_series_stay_whole() {
    // Two days, of which the first occurrence has 47 hours.
    let days = Span {
        is_all_day: true,
        ..berlin("2027-03-26T23:00:00Z", "2027-03-28T22:00:00Z")
    };
    let cancelled = Exception {
        is_cancelled: true,
        ..exception("2027-04-02T22:00:00Z")
    };
    let lines = ["RRULE:FREQ=WEEKLY;BYHOUR=7;UNTIL=20270416T220000Z"];
    assert_eq!(
        when(days, &lines, vec![cancelled, exception("2027-04-09T22:00:00Z")]),
        [
            "DTSTART;VALUE=DATE:20270327",
            "DTEND;VALUE=DATE:20270329",
            "RRULE:FREQ=WEEKLY;UNTIL=20270417",
            "EXDATE;VALUE=DATE:20270403",
            "RECURRENCE-ID;VALUE=DATE:20270410",
            "DTSTART;VALUE=DATE:20270410",
            "DTEND;VALUE=DATE:20270412",
        ]
    );
}

#[test]
fn an_end_comes_after_its_start() {
    // At 2:30 of the day on which clocks go back.
    let half_past_two = berlin("2027-10-30T00:30:00Z", "2027-10-30T01:30:00Z");
    let told = when(
        half_past_two,
        &["RRULE:FREQ=DAILY;COUNT=3"],
        vec![exception("2027-10-31T00:30:00Z")],
    );
    assert_eq!(
        told[3..],
        [
            "RECURRENCE-ID;TZID=Europe/Berlin:20271031T023000",
            "DTSTART;TZID=Europe/Berlin:20271031T023000",
            "DTEND:20271031T013000Z",
        ]
    );
}

#[test]
fn exclusions_by_a_rule_are_told_as_far_as_they_can_be_listed() {
    let daily = berlin("2027-01-04T09:00:00Z", "2027-01-04T10:00:00Z");
    let lines = ["RRULE:FREQ=DAILY;BYHOUR=9,10,11,12", "EXRULE:FREQ=DAILY;BYHOUR=9"];
    let told = when(daily, &lines, Vec::new());
    assert!(
        told[2].starts_with("RRULE:FREQ=DAILY;UNTIL=204009"),
        "{}",
        told[2]
    );
    assert_eq!(told[3].split(',').count(), crate::recurrence::RESOLVED_MAX);
}

#[test]
fn a_series_is_written_with_the_time_of_day_that_its_start_skips() {
    let mut span = berlin("2027-03-28T01:30:00Z", "2027-03-28T02:30:00Z");
    span.skipped_start = "2027-03-28T02:30:00".parse().ok();
    assert_eq!(
        when(span, &["RRULE:FREQ=WEEKLY;COUNT=3"], Vec::new()),
        [
            "DTSTART;TZID=Europe/Berlin:20270328T023000",
            "DURATION:PT1H",
            "RRULE:FREQ=WEEKLY;COUNT=3"
        ]
    );
}
