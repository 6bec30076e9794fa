//! What stands in mails, as Python's `email` and `icalendar` read it.

use std::sync::Arc;

use colloquy::{
    mail::{Kind, Mail},
    store::event_invites::Receiver,
};
use serde_json::json;
use uuid::Uuid;

use super::{Post, invitation, invitation_to, registered, sent, weekly};

on_both_databases!(Post:
    an_invitation_says_everything_in_each_of_its_parts,
    receivers_read_their_language_and_come_in_by_their_link,
    where_guests_are_out_no_code_is_told,
    every_kind_of_mail_is_told,
    events_without_times_have_no_calendar,
    titles_and_names_inject_nothing,
    look_alikes_of_encoded_words_stay_what_they_are,
    domains_beyond_ascii_go_by_their_a_label,
    every_mail_says_why_it_comes_and_how_to_end_it,
    without_a_public_url_or_an_organizer_less_is_said,
);

#[expect(clippy::too_many_lines, reason = "one letter, part by part")]
async fn an_invitation_says_everything_in_each_of_its_parts(post: &Post) {
    let mail = sent(post, invitation()).await;
    assert_eq!(mail.0["envelope_from"], "meetings@colloquy.example");
    assert_eq!(mail.0["envelope_to"], json!(["bob@example.org"]));
    assert_eq!(
        mail.header("from"),
        "\"Meetings, Inc.\" <meetings@colloquy.example>"
    );
    assert_eq!(mail.header("to"), "Bob Burton <bob@example.org>");
    assert_eq!(mail.header("reply-to"), "Ada Adams <ada@example.org>");
    assert_eq!(mail.header("subject"), "Invitation: Planning");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    let unsubscribe = mail.header("list-unsubscribe").to_owned();
    let unsubscribe = unsubscribe.trim_matches(['<', '>']);
    assert_eq!(
        mail.0["structure"],
        json!([
            "multipart/mixed",
            [
                "multipart/alternative",
                "text/plain",
                "text/html",
                "text/calendar"
            ],
            "application/ics"
        ])
    );
    assert_eq!(
        mail.text("text/plain").replace("\r\n", "\n").trim_end(),
        format!(
            "Hello Bob Burton,\n\nAda Adams invites you to a meeting.\n\n\
             Meeting: Planning\nWhen: Monday, 6 July 2026, 10:00–11:00 (Europe/Berlin)\nOrganiser: Ada Adams\n\
             Join: https://meet.example/room/00000000-0000-0000-0000-000000000002\nPassword: cake<3\n\
             By telephone: +49 30 1234567\nMeeting ID: 0123456789\nPIN: 9876543210\n\nBring ideas.\nAnd cake.\n\n\
             -- \nYou get this because ada@example.org invited you.\nNo more mail of this kind: {unsubscribe}"
        )
    );
    let html = mail.text("text/html");
    for part in [
        "<html lang=\"en\">",
        "<p>Hello Bob Burton,</p>",
        "<td>Planning</td>",
        "<a href=\"https://meet.example/room/00000000-0000-0000-0000-000000000002\">",
        "<td>cake&#60;3</td>",
        "And cake.",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let inline = mail.part("text/calendar");
    assert_eq!(inline["parameters"]["method"], "REQUEST");
    assert_eq!(mail.calendar()["method"], "REQUEST");
    assert_eq!(mail.part("application/ics")["file"], "invite.ics");
    assert_eq!(mail.part("application/ics")["calendar"], inline["calendar"]);
    let link = "https://meet.example/room/00000000-0000-0000-0000-000000000002";
    assert_eq!(
        *mail.event(),
        json!({
            "uid": "00000000-0000-0000-0000-000000000001",
            "sequence": 2,
            "stamp": "2026-03-01T12:00:00+00:00",
            "start": "2026-07-06T10:00:00+02:00",
            "start_zone": "Europe/Berlin",
            "end": "2026-07-06T11:00:00+02:00",
            "recurrence_id": null,
            "rule": null,
            "exdates": [],
            "summary": "Planning",
            "description": format!(
                "Bring ideas.\nAnd cake.\n\nJoin: {link}\nPassword: cake<3\nBy telephone: +49 30 1234567\n\
                 Meeting ID: 0123456789\nPIN: 9876543210"
            ),
            "location": link,
            "status": "CONFIRMED",
            "organizer": "mailto:ada@example.org",
            "attendees": ["mailto:bob@example.org"],
        })
    );
}

#[expect(clippy::too_many_lines, reason = "one letter in each language")]
async fn receivers_read_their_language_and_come_in_by_their_link(post: &Post) {
    let room = "https://meet.example/room/00000000-0000-0000-0000-000000000002";
    let guest = "https://meet.example/invite/00000000-0000-0000-0000-000000000009";
    let email = "bob@example.org".to_owned();
    post.invite_address(&email, Uuid::from_u128(9)).await;
    for (receiver, subject, hello, link) in [
        (
            registered("de-AT"),
            "Einladung: Planning",
            "Hallo Bob Burton,",
            room,
        ),
        (
            registered("en-US"),
            "Invitation: Planning",
            "Hello Bob Burton,",
            room,
        ),
        (
            registered("eo"),
            "Invitation: Planning",
            "Hello Bob Burton,",
            room,
        ),
        (
            Receiver::Unregistered {
                email: email.clone(),
                name: "Bob".to_owned(),
            },
            "Invitation: Planning",
            "Hello Bob,",
            room,
        ),
        (
            Receiver::External {
                email: email.clone(),
                invite_code: Some(Uuid::from_u128(9)),
            },
            "Invitation: Planning",
            "Hello,",
            guest,
        ),
        (
            // Of an invitation that has become a user's while the mail waited.
            Receiver::External {
                email: email.clone(),
                invite_code: Some(Uuid::from_u128(10)),
            },
            "Invitation: Planning",
            "Hello,",
            room,
        ),
        (
            Receiver::External {
                email,
                invite_code: None,
            },
            "Invitation: Planning",
            "Hello,",
            room,
        ),
    ] {
        let mail = sent(
            post,
            Mail {
                receiver,
                ..invitation()
            },
        )
        .await;
        assert_eq!(mail.header("subject"), subject);
        let text = mail.text("text/plain");
        assert!(text.starts_with(hello), "{text}");
        assert!(text.contains(link), "{text}");
        assert_eq!(mail.event()["location"], link);
    }
    let german = sent(
        post,
        Mail {
            receiver: registered("de"),
            ..weekly()
        },
    )
    .await;
    let text = german.text("text/plain");
    for line in [
        "Ada Adams lädt Sie zu einer Besprechung ein.",
        "Wann: Montag, 6. Juli 2026, 10:00–11:00 Uhr (Europe/Berlin)",
        "Wiederholung: jede Woche",
        "Passwort: cake<3",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(german.text("text/html").contains("<html lang=\"de\">"));
}

async fn where_guests_are_out_no_code_is_told(post: &Post) {
    let room = "https://meet.example/room/00000000-0000-0000-0000-000000000002";
    let guest = "https://meet.example/invite/00000000-0000-0000-0000-000000000009";
    let email = "bob@example.org".to_owned();
    post.invite_address(&email, Uuid::from_u128(9)).await;
    let mail = Mail {
        receiver: Receiver::External {
            email,
            invite_code: Some(Uuid::from_u128(9)),
        },
        ..invitation()
    };
    for (change, link) in [
        ("UPDATE rooms SET guest_access = 'disabled'", room),
        ("UPDATE rooms SET guest_access = 'waiting_room'", guest),
        (
            "UPDATE tariffs SET disabled_features = '[\"guests_allowed\"]'",
            room,
        ),
        ("UPDATE tariffs SET disabled_features = '[]'", guest),
    ] {
        post.store.execute(change).await;
        let received = sent(post, mail.clone()).await;
        for text in [received.text("text/plain"), received.text("text/html")] {
            assert!(text.contains(link), "{change}: {text}");
            assert_eq!(text.contains("/invite/"), link == guest, "{change}: {text}");
        }
        assert_eq!(received.event()["location"], link, "{change}");
    }
    post.enqueue(&[mail]).await;
    let worker = post.worker_with(|config| config.guests.allowed = false);
    let (round, received) = tokio::join!(async { worker.round().await }, post.mail());
    assert_eq!(round.expect("a database").sent, 1);
    assert!(!received.text("text/plain").contains("/invite/"));
}

async fn every_kind_of_mail_is_told(post: &Post) {
    for (kind, subject, method, status, may_come) in [
        (Kind::Invite, "Invitation: Planning", "REQUEST", "CONFIRMED", true),
        (Kind::Update, "Changed: Planning", "REQUEST", "CONFIRMED", true),
        (Kind::Cancel, "Cancelled: Planning", "CANCEL", "CANCELLED", false),
        (
            Kind::Uninvite,
            "Invitation withdrawn: Planning",
            "CANCEL",
            "CANCELLED",
            false,
        ),
    ] {
        let mail = sent(post, Mail { kind, ..weekly() }).await;
        assert_eq!(mail.header("subject"), subject);
        assert_eq!(mail.calendar()["method"], method);
        assert_eq!(mail.part("text/calendar")["parameters"]["method"], method);
        let event = mail.event();
        assert_eq!(event["status"], status);
        assert_eq!(event["rule"], "FREQ=WEEKLY;BYDAY=MO");
        for secret in ["https://meet.example", "cake", "9876543210"] {
            let told = mail.text("text/plain").replace("And cake.", "").contains(secret);
            assert_eq!(told, may_come, "{kind:?} tells of {secret}");
        }
    }
    let lost = Mail {
        kind: Kind::Update,
        has_lost_times: true,
        ..invitation()
    };
    let mail = sent(post, lost).await;
    assert_eq!(mail.header("subject"), "Changed: Planning");
    assert_eq!(
        mail.calendar()["method"],
        "CANCEL",
        "calendars drop what has no time any more"
    );
}

async fn events_without_times_have_no_calendar(post: &Post) {
    let mut mail = invitation();
    Arc::make_mut(&mut mail.event).span = None;
    let mail = sent(post, mail).await;
    assert!(mail.text("text/plain").contains("When: at any time"));
    assert_eq!(
        mail.0["structure"],
        json!(["multipart/alternative", "text/plain", "text/html"])
    );
}

async fn every_mail_says_why_it_comes_and_how_to_end_it(post: &Post) {
    let worker = post.worker_with(|config| {
        config.http.public_url = "https://api.meet.example".parse().ok();
        config.mail.report_address = Some("abuse@meet.example".to_owned());
    });
    let mut links = Vec::new();
    for (kind, receiver, reason) in [
        (
            Kind::Invite,
            registered("de"),
            "Sie erhalten diese Nachricht, weil ada@example.org Sie eingeladen hat.\n\
             Missbrauch melden an: abuse@meet.example\nKeine solchen Nachrichten mehr: ",
        ),
        (
            Kind::Update,
            registered("en"),
            "You get this because ada@example.org invited you.\nReport misuse to: abuse@meet.example\n\
             No more mail of this kind: ",
        ),
        (
            Kind::Cancel,
            Receiver::External {
                email: "rob@example.org".to_owned(),
                invite_code: None,
            },
            "You get this because ada@example.org invited you.\nReport misuse to: abuse@meet.example\n\
             No more mail of this kind: ",
        ),
    ] {
        post.enqueue(&[Mail {
            kind,
            receiver,
            ..invitation()
        }])
        .await;
        assert_eq!(worker.round().await.expect("a database").sent, 1);
        let mail = post.mail().await;
        assert_eq!(mail.header("list-unsubscribe-post"), "List-Unsubscribe=One-Click");
        let link = mail.header("list-unsubscribe").to_owned();
        let link = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix('>'))
            .expect("<URL>");
        assert!(
            link.starts_with("https://api.meet.example/v1/mail/unsubscribe/"),
            "{link}"
        );
        let text = mail.text("text/plain").replace("\r\n", "\n");
        assert!(
            text.trim_end().ends_with(&format!("-- \n{reason}{link}")),
            "{text}"
        );
        let html = mail.text("text/html");
        assert!(html.contains(&format!("<a href=\"{link}\">")), "{html}");
        links.push(link.to_owned());
    }
    assert_eq!(links[0], links[1], "the same address");
    assert_ne!(links[0], links[2], "another address");
}

async fn without_a_public_url_or_an_organizer_less_is_said(post: &Post) {
    let mut mail = invitation();
    Arc::make_mut(&mut mail.event).organizer = None;
    post.enqueue(&[mail]).await;
    assert_eq!(
        post.worker_with(|_| {}).round().await.expect("a database").sent,
        1
    );
    let mail = post.mail().await;
    let names = mail.header_names();
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("list-") || *name == "reply-to"),
        "{names:?}"
    );
    let text = mail.text("text/plain").replace("\r\n", "\n");
    assert!(
        text.trim_end()
            .ends_with("-- \nYou get this because somebody invited you."),
        "{text}"
    );
}

/// What reads as an encoded word (RFC 2047) is encoded itself: mail programs show it as it was typed.
async fn look_alikes_of_encoded_words_stay_what_they_are(post: &Post) {
    for text in [
        "=?utf-8?q?x?=",
        "a =?utf-8?b?4oCuZ3BqLmV4ZQ==?= b",
        &format!("=?utf-8?q?{}?=", "ü".repeat(60)),
    ] {
        let mut mail = invitation();
        text.clone_into(&mut Arc::make_mut(&mut mail.event).title);
        mail.receiver = Receiver::Unregistered {
            email: "bob@example.org".to_owned(),
            name: text.to_owned(),
        };
        if let Some(organizer) = &mut Arc::make_mut(&mut mail.event).organizer {
            text.clone_into(&mut organizer.name);
        }
        let mail = sent(post, mail).await;
        assert_eq!(mail.header("subject"), format!("Invitation: {text}"));
        for (header, address) in [("to", "bob@example.org"), ("reply-to", "ada@example.org")] {
            // Python shows the white space between words, which means nothing.
            let shown = mail.header(header).replace(['"', ' '], "");
            assert_eq!(shown, format!("{text}<{address}>").replace(' ', ""));
        }
        assert_eq!(mail.0["envelope_to"], json!(["bob@example.org"]));
    }
}

/// A mail server needs no SMTPUTF8 for it: before the `@` is ASCII.
async fn domains_beyond_ascii_go_by_their_a_label(post: &Post) {
    let mail = sent(post, invitation_to("idn@bücher.example")).await;
    assert_eq!(mail.0["envelope_to"], json!(["idn@xn--bcher-kva.example"]));
    assert_eq!(mail.header("to"), "idn@xn--bcher-kva.example");
}

async fn titles_and_names_inject_nothing(post: &Post) {
    let plain = sent(post, invitation()).await;
    for evil in [
        "Team\r\nBcc: eve@example.org",
        "Team\nBcc: eve@example.org\n\nbody",
        "Team\r\n\r\n--boundary",
        "Team\rX-Evil: 1",
        "=?utf-8?q?=0D=0ABcc:_eve=40example.org?=",
        "=?utf-8?b?4oCuZ3BqLmV4ZQ==?=",
        "a\u{2028}b\u{85}c\u{b}d",
        "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:evil",
        "\\nATTENDEE:mailto:eve@example.org",
        "\"; DROP=1:mailto:eve@example.org",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "{ $organizer } { hello }",
        "Tèst \u{202e}👩‍👩‍👧 日本語",
        &"long ".repeat(51),
    ] {
        let mut mail = invitation();
        evil.clone_into(&mut Arc::make_mut(&mut mail.event).title);
        evil.clone_into(&mut Arc::make_mut(&mut mail.event).description);
        if let Some(organizer) = &mut Arc::make_mut(&mut mail.event).organizer {
            evil.clone_into(&mut organizer.name);
        }
        mail.receiver = Receiver::Unregistered {
            email: "bob@example.org".to_owned(),
            name: evil.to_owned(),
        };
        let mail = sent(post, mail).await;
        assert_eq!(mail.header_names(), plain.header_names(), "{evil:?}");
        for name in ["subject", "from", "to", "reply-to"] {
            let unseen = |letter: char| letter.is_control() || "\u{202e}\u{200d}\u{200b}".contains(letter);
            assert!(!mail.header(name).contains(unseen), "{name} of {evil:?}");
        }
        let summary = mail.event()["summary"].as_str().expect("a title");
        assert!(!summary.contains(['\u{202e}', '\n']), "{summary:?}");
        assert_eq!(mail.0["structure"], plain.0["structure"], "{evil:?}");
        assert_eq!(mail.0["envelope_to"], json!(["bob@example.org"]), "{evil:?}");
        let event = mail.event();
        assert_eq!(event["uid"], plain.event()["uid"], "{evil:?}");
        assert_eq!(event["attendees"], json!(["mailto:bob@example.org"]), "{evil:?}");
        assert_eq!(event["organizer"], "mailto:ada@example.org", "{evil:?}");
        let html = mail.text("text/html");
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    }
    // An address with a line end is no address: the mail is given up, nothing is sent.
    post.enqueue(&[invitation_to("bob@example.org\r\nRCPT TO:<eve@example.org>")])
        .await;
    let round = post.worker().round().await.expect("a database");
    assert_eq!((round.sent, round.given_up), (0, 1));
    post.expect_nothing().await;
}
