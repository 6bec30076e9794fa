use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn moment(text: &str, timezone: &str) -> Moment {
    Moment {
        at: at(text),
        timezone: timezone.to_owned(),
    }
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
        }),
        recurrence: vec!["RRULE:FREQ=WEEKLY".to_owned()],
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
    let text = calendar(Method::Request, at("2026-02-01T00:00:00Z"), &[weekly()]);
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
        "ORGANIZER;CN=\"Ada 'A' Adams\":mailto:ada@example.org",
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE;CN=\"Bob\":mailto:bob@example.org",
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
    let cancelled = events(&calendar(Method::Cancel, at("2026-02-01T00:00:00Z"), &[weekly()]));
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
        (entry.recurrence, entry.exceptions) = (Vec::new(), Vec::new());
        entry.span = Some(Span {
            is_all_day: true,
            starts_at: moment(start, "Europe/Berlin"),
            ends_at: moment(end, "Europe/Berlin"),
        });
        let text = calendar(Method::Publish, at("2026-02-01T00:00:00Z"), &[entry]);
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
    (entry.recurrence, entry.exceptions) = (Vec::new(), Vec::new());
    entry.span = Some(Span {
        is_all_day: false,
        starts_at: moment("2026-10-25T00:30:00Z", "Europe/Berlin"),
        ends_at: moment("2026-10-25T01:30:00Z", "Europe/Berlin"),
    });
    let lines = events(&calendar(Method::Request, at("2026-02-01T00:00:00Z"), &[entry]));
    assert!(lines.contains(&"DTSTART;TZID=Europe/Berlin:20261025T023000".to_owned()));
    assert!(lines.contains(&"DTEND:20261025T013000Z".to_owned()));
}

#[test]
fn without_times_an_event_can_only_be_cancelled() {
    let mut entry = weekly();
    (entry.span, entry.recurrence, entry.exceptions) = (None, Vec::new(), Vec::new());
    let shown = calendar(
        Method::Publish,
        at("2026-02-01T00:00:00Z"),
        std::slice::from_ref(&entry),
    );
    assert!(!shown.contains("VEVENT"));
    let cancelled = events(&calendar(Method::Cancel, at("2026-02-01T00:00:00Z"), &[entry]));
    assert!(!cancelled.iter().any(|line| line.starts_with("DTSTART")));
}
