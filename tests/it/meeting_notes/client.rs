//! The client of Etherpad: what it asks, what it does not believe, and what it does not wait for.

use std::time::{Duration, Instant};

use colloquy::{
    config::{EtherpadAccess, EtherpadSettings, Outgoing},
    etherpad::{Etherpad, EtherpadError, EtherpadTimeouts, Guest, Lane, Pad, Places},
    fetched_pdf::PdfError,
    secrets::Secret,
};
use futures_util::TryStreamExt as _;

use crate::support::{
    etherpad::{API_KEY, FakeEtherpad, Mood, PDF},
    log::Log,
};

const NAME: &str = "00000000-0000-0000-0000-000000000001";

/// Long enough for a call on a busy machine, short enough to wait for its end.
const IMPATIENT: EtherpadTimeouts = EtherpadTimeouts {
    connect: Duration::from_secs(1),
    place: Duration::from_millis(100),
    call: Duration::from_secs(1),
    pdf: Duration::from_secs(2),
    deletion: Duration::from_secs(3),
    dismissal: Duration::from_secs(1),
    retry: Duration::from_millis(50),
    pause: Duration::from_mins(1),
    probe: Duration::from_millis(50),
};

const READER: Guest<'_> = Guest {
    display_name: "Ada & Bob",
    participant: "p1",
    readonly: true,
    lives: Duration::from_hours(2),
};

fn client_of(settings: &EtherpadSettings, timeouts: EtherpadTimeouts) -> Etherpad {
    let client = Etherpad::new(&Outgoing::default(), settings, timeouts);
    client.expect("a client").expect("an address")
}

fn client(fake: &FakeEtherpad) -> Etherpad {
    client_of(&fake.settings(EtherpadAccess::Sessions), IMPATIENT)
}

async fn open(etherpad: &Etherpad) -> Result<Pad, EtherpadError> {
    let places = Places::default();
    let lane = Lane {
        etherpad,
        places: &places,
    };
    lane.open(NAME).await
}

#[tokio::test]
async fn a_pad_is_opened_read_written_and_deleted() {
    let fake = FakeEtherpad::start().await;
    let (etherpad, places) = (client(&fake), Places::default());
    let lane = Lane {
        etherpad: &etherpad,
        places: &places,
    };
    etherpad.greet().await.expect("it knows the key");
    let pad = lane.open(NAME).await.expect("a pad");
    assert_eq!(lane.find(NAME).await.as_ref(), Ok(&pad));
    let writer = Guest {
        readonly: false,
        ..READER
    };
    let (read, write) = (lane.admit(&pad, READER).await, lane.admit(&pad, writer).await);
    let (read, write) = (read.expect("a session"), write.expect("a session"));
    for (session, readonly) in [(&read, true), (&write, false)] {
        let url = etherpad.url(&pad, session).to_string().into();
        let (_, session) = fake.session_of(&url);
        assert_eq!(session.expect("a session").readonly, readonly);
    }
    assert_eq!(fake.world().authors["p1"], "Ada & Bob");
    let pdf = lane.pdf(&pad, &read).await.expect("a PDF");
    let pieces: Vec<_> = pdf.into_stream().try_collect().await.expect("all of it");
    assert_eq!(pieces.concat(), PDF);
    for session in [&read, &write] {
        lane.dismiss(session).await.expect("ended");
        lane.dismiss(session).await.expect("gone is fine");
    }
    assert!(fake.world().sessions.is_empty());
    lane.delete(NAME).await.expect("deleted");
    lane.delete(NAME).await.expect("gone is fine");
    let world = fake.world();
    assert!(world.pads.is_empty() && world.groups.is_empty(), "{world:?}");
}

#[tokio::test]
async fn what_is_left_of_an_earlier_pad_goes() {
    let fake = FakeEtherpad::start().await;
    let (etherpad, places) = (client(&fake), Places::default());
    let lane = Lane {
        etherpad: &etherpad,
        places: &places,
    };
    let pad = lane.open(NAME).await.expect("a pad");
    for readonly in [true, false] {
        let guest = Guest { readonly, ..READER };
        lane.admit(&pad, guest).await.expect("a session");
    }
    lane.dismiss_all(&pad).await.expect("ended");
    assert!(fake.world().sessions.is_empty());
    lane.admit(&pad, READER).await.expect("a session");
    lane.open(NAME).await.expect("a pad");
    assert!(fake.world().sessions.is_empty());
    let calls = fake.world().calls.clone();
    assert!(
        calls.iter().filter(|call| *call == "deletePad").count() == 2,
        "{calls:?}"
    );
}

#[tokio::test]
async fn nonsense_is_no_pad() {
    let fake = FakeEtherpad::start().await;
    for (mood, expected) in [
        (Mood::Page, EtherpadError::Unreadable),
        (Mood::Broken, EtherpadError::Unreadable),
        (Mood::Odd, EtherpadError::Unreadable),
        (Mood::Path, EtherpadError::Unreadable),
        (Mood::Endless, EtherpadError::Unreadable),
        (Mood::Internal, EtherpadError::Refused(2)),
        (Mood::Half, EtherpadError::Unreachable),
        (Mood::Gateway, EtherpadError::Unreachable),
        (Mood::Silent, EtherpadError::Unreachable),
    ] {
        fake.be(mood);
        assert_eq!(open(&client(&fake)).await, Err(expected), "{mood:?}");
    }
}

#[tokio::test]
async fn a_silent_etherpad_is_waited_for_within_limits_and_then_not_at_all() {
    let fake = FakeEtherpad::start().await;
    let etherpad = client(&fake);
    fake.be(Mood::Silent);
    let begin = Instant::now();
    for _ in 0..5 {
        assert_eq!(open(&etherpad).await, Err(EtherpadError::Unreachable));
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let calls = fake.world().calls.len();
    assert_eq!(open(&etherpad).await, Err(EtherpadError::Unreachable));
    assert_eq!(fake.world().calls.len(), calls, "nobody asks for a while");
}

#[tokio::test]
async fn a_dead_etherpad_deletes_when_it_is_back() {
    let fake = FakeEtherpad::start().await;
    let timeouts = EtherpadTimeouts {
        deletion: Duration::from_secs(30),
        pause: Duration::from_millis(100),
        ..IMPATIENT
    };
    let etherpad = client_of(&fake.settings(EtherpadAccess::Sessions), timeouts);
    open(&etherpad).await.expect("a pad");
    fake.die().await;
    let places = Places::default();
    let lane = Lane {
        etherpad: &etherpad,
        places: &places,
    };
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        fake.revive().await;
    };
    let (deleted, ()) = tokio::join!(lane.delete(NAME), later);
    assert_eq!(deleted, Ok(()));
    assert!(fake.world().groups.is_empty());
}

#[tokio::test]
async fn a_pdf_is_whole_or_none() {
    let fake = FakeEtherpad::start().await;
    let (etherpad, places) = (client(&fake), Places::default());
    let lane = Lane {
        etherpad: &etherpad,
        places: &places,
    };
    let pad = lane.open(NAME).await.expect("a pad");
    let session = lane.admit(&pad, READER).await.expect("a session");
    fake.be(Mood::NoConverter);
    let none = lane.pdf(&pad, &session).await.expect_err("no PDF");
    assert_eq!(none, PdfError::NoPdf.into());
    fake.be(Mood::PdfHalf);
    let pdf = lane.pdf(&pad, &session).await.expect("its begin");
    let pieces: Result<Vec<_>, _> = pdf.into_stream().try_collect().await;
    assert_eq!(pieces, Err(PdfError::BrokenOff));
    fake.be(Mood::Honest);
    lane.dismiss(&session).await.expect("ended");
    let refused = lane.pdf(&pad, &session).await.expect_err("no PDF");
    assert!(
        matches!(refused, EtherpadError::Pdf(PdfError::Status(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn links_need_no_plugins() {
    let fake = FakeEtherpad::start().await;
    fake.be(Mood::Plain);
    let etherpad = client_of(&fake.settings(EtherpadAccess::Links), IMPATIENT);
    let places = Places::default();
    let lane = Lane {
        etherpad: &etherpad,
        places: &places,
    };
    let pad = lane.open(NAME).await.expect("a pad");
    assert_eq!(fake.world().public.len(), 1);
    let read = lane.admit(&pad, READER).await.expect("a link");
    let writer = Guest {
        readonly: false,
        ..READER
    };
    let write = lane.admit(&pad, writer).await.expect("a link");
    let group = "g.0000000000000001";
    assert_eq!(
        etherpad.url(&pad, &write).to_string(),
        format!("{}/p/{group}$meeting_notes", fake.url())
    );
    assert_eq!(
        etherpad.url(&pad, &read).to_string(),
        format!("{}/p/r.g-0000000000000001-meeting_notes", fake.url())
    );
    let pdf = lane.pdf(&pad, &read).await.expect("a PDF");
    let pieces: Vec<_> = pdf.into_stream().try_collect().await.expect("all of it");
    assert_eq!(pieces.concat(), PDF);
    lane.dismiss(&read).await.expect("nothing to end");
    lane.delete(NAME).await.expect("deleted");
    assert!(fake.world().groups.is_empty());
    // Where sessions are wanted, their absence is told.
    let wants_sessions = client(&fake);
    let lane = Lane {
        etherpad: &wants_sessions,
        places: &places,
    };
    let pad = lane.open(NAME).await.expect("a pad");
    let refused = lane.admit(&pad, READER).await.expect_err("no page");
    assert!(matches!(refused, EtherpadError::NoPage(_)), "{refused:?}");
}

#[tokio::test]
async fn a_wrong_key_is_named_once_and_told_nowhere() {
    let log = Log::of("trace");
    let fake = FakeEtherpad::start().await;
    let settings = EtherpadSettings {
        api_key: Some(Secret::new("another-key-that-nobody-sees")),
        ..fake.settings(EtherpadAccess::Sessions)
    };
    let etherpad = client_of(&settings, IMPATIENT);
    for _ in 0..2 {
        assert_eq!(open(&etherpad).await, Err(EtherpadError::WrongKey));
    }
    assert_eq!(etherpad.greet().await, Err(EtherpadError::WrongKey));
    let told: Vec<_> = log
        .lines()
        .into_iter()
        .filter(|line| line.contains("refuses"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("etherpad.api_key"), "{told:?}");
    let known = client(&fake);
    let pad = open(&known).await.expect("a pad");
    let places = Places::default();
    let lane = Lane {
        etherpad: &known,
        places: &places,
    };
    let session = lane.admit(&pad, READER).await.expect("a session");
    let shown = format!("{known:?} {pad:?} {session:?} {etherpad:?}");
    for secret in [
        API_KEY,
        "another-key-that-nobody-sees",
        "secret-session",
        "g.0000000000000001",
    ] {
        assert!(!log.text().contains(secret), "{secret}");
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
