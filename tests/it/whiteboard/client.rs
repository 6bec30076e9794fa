//! The client of Spacedeck: what it asks, what it does not believe, and what it does not wait for.

use std::time::{Duration, Instant};

use colloquy::{
    config::Outgoing,
    fetched_pdf::PdfError,
    secrets::Secret,
    spacedeck::{Spacedeck, SpacedeckError, SpacedeckTimeouts},
};
use futures_util::TryStreamExt as _;

use crate::support::{
    log::Log,
    spacedeck::{API_KEY, FakeSpacedeck, Mood, PDF},
};

const NAME: &str = "00000000-0000-0000-0000-000000000001";

/// Long enough for a call on a busy machine, short enough to wait for its end.
const IMPATIENT: SpacedeckTimeouts = SpacedeckTimeouts {
    connect: Duration::from_secs(1),
    place: Duration::from_millis(100),
    list: Duration::from_millis(300),
    call: Duration::from_secs(1),
    pdf: Duration::from_secs(2),
    deletion: Duration::from_secs(3),
    retry: Duration::from_millis(50),
    pause: Duration::from_mins(1),
    probe: Duration::from_millis(50),
};

fn client_with(deck: &FakeSpacedeck, timeouts: SpacedeckTimeouts) -> Spacedeck {
    Spacedeck::new(&Outgoing::default(), &deck.url(), Secret::new(API_KEY), timeouts).expect("a client")
}

fn client(deck: &FakeSpacedeck) -> Spacedeck {
    client_with(deck, IMPATIENT)
}

async fn fetched(spacedeck: &Spacedeck, id: &str) -> Result<Vec<u8>, SpacedeckError> {
    let pdf = spacedeck.pdf(id).await?;
    let pieces = pdf.into_stream().try_collect::<Vec<_>>().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn a_whiteboard_is_made_drawn_and_deleted() {
    let deck = FakeSpacedeck::start().await;
    let spacedeck = client(&deck);
    let (board, left) = spacedeck.create(NAME).await.expect("a whiteboard");
    assert_eq!(board.url, format!("{}/s/hash1-{NAME}", deck.url()));
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(fetched(&spacedeck, &board.id).await.as_deref(), Ok(PDF));
    spacedeck.delete(&board.id).await.expect("deleted");
    spacedeck.delete(&board.id).await.expect("gone is fine");
    let calls = deck.world().calls.clone();
    assert_eq!(
        calls,
        [
            "GET /api/spaces",
            "POST /api/spaces",
            "GET /api/spaces/space-1/pdf",
            "GET /storage/space-1.pdf",
            "DELETE /api/spaces/space-1",
            "DELETE /api/spaces/space-1",
        ]
    );
}

#[tokio::test]
async fn what_had_the_name_is_found_and_what_contains_it_is_not() {
    let deck = FakeSpacedeck::start().await;
    let spacedeck = client(&deck);
    let breakout = format!("{NAME}:00000000-0000-0000-0000-000000000002");
    let (of_breakout, _) = spacedeck.create(&breakout).await.expect("a whiteboard");
    let (first, _) = spacedeck.create(NAME).await.expect("a whiteboard");
    let (_, left) = spacedeck.create(NAME).await.expect("a whiteboard");
    assert_eq!(left, [first.id]);
    spacedeck.delete_named(NAME).await.expect("deleted");
    let spaces: Vec<_> = deck.world().spaces.keys().cloned().collect();
    assert_eq!(spaces, [of_breakout.id]);
}

#[tokio::test]
async fn a_whiteboard_is_made_though_there_is_no_list() {
    let deck = FakeSpacedeck::start().await;
    deck.be(Mood::Listless);
    let (_, left) = client(&deck).create(NAME).await.expect("a whiteboard");
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn nonsense_is_no_whiteboard() {
    let deck = FakeSpacedeck::start().await;
    for (mood, expected) in [
        (Mood::Page, SpacedeckError::Unreadable),
        (Mood::Broken, SpacedeckError::Unreadable),
        (Mood::Odd, SpacedeckError::Unreadable),
        (Mood::Path, SpacedeckError::Unreadable),
        (Mood::Endless, SpacedeckError::Unreadable),
        (Mood::Half, SpacedeckError::Unreachable),
        (Mood::Gateway, SpacedeckError::Unreachable),
        (Mood::Silent, SpacedeckError::Unreachable),
    ] {
        deck.be(mood);
        assert_eq!(client(&deck).create(NAME).await, Err(expected), "{mood:?}");
    }
}

#[tokio::test]
async fn a_silent_spacedeck_is_waited_for_within_limits_and_then_not_at_all() {
    let deck = FakeSpacedeck::start().await;
    let spacedeck = client(&deck);
    deck.be(Mood::Silent);
    let begin = Instant::now();
    for _ in 0..5 {
        assert_eq!(spacedeck.create(NAME).await, Err(SpacedeckError::Unreachable));
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let calls = deck.world().calls.len();
    assert_eq!(spacedeck.create(NAME).await, Err(SpacedeckError::Unreachable));
    assert_eq!(deck.world().calls.len(), calls, "nobody asks for a while");
}

#[tokio::test]
async fn a_dead_spacedeck_deletes_when_it_is_back() {
    let deck = FakeSpacedeck::start().await;
    let patient = SpacedeckTimeouts {
        deletion: Duration::from_secs(30),
        ..IMPATIENT
    };
    let spacedeck = client_with(&deck, patient);
    let (board, _) = spacedeck.create(NAME).await.expect("a whiteboard");
    deck.die().await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        deck.revive().await;
    };
    let (deleted, ()) = tokio::join!(spacedeck.delete(&board.id), later);
    assert_eq!(deleted, Ok(()));
    assert_eq!(deck.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_deletion_in_vain_ends() {
    let deck = FakeSpacedeck::start().await;
    let spacedeck = client(&deck);
    deck.be(Mood::Silent);
    assert_eq!(
        spacedeck.delete("space-1").await,
        Err(SpacedeckError::Unreachable)
    );
    deck.be(Mood::Keeps);
    let begin = Instant::now();
    let kept = client(&deck).delete("space-1").await;
    assert!(matches!(kept, Err(SpacedeckError::Refused(_))), "{kept:?}");
    assert!(
        begin.elapsed() < IMPATIENT.deletion,
        "who refuses is not asked again"
    );
}

#[tokio::test]
async fn only_whole_pdfs_of_its_own_are_pdfs() {
    let deck = FakeSpacedeck::start().await;
    let (board, _) = client(&deck).create(NAME).await.expect("a whiteboard");
    let redirect = reqwest::StatusCode::TEMPORARY_REDIRECT;
    for (mood, expected) in [
        (Mood::PdfPage, PdfError::NoPdf.into()),
        (Mood::PdfHalf, PdfError::BrokenOff.into()),
        (Mood::PdfCut, PdfError::BrokenOff.into()),
        (Mood::PdfElsewhere, SpacedeckError::Elsewhere),
        (Mood::PdfRedirect, PdfError::Status(redirect).into()),
        (Mood::PdfHuge, PdfError::TooLarge.into()),
        (Mood::PdfEndless, PdfError::TooLarge.into()),
        (Mood::PdfSilent, PdfError::TooSlow.into()),
        (Mood::Odd, SpacedeckError::Unreadable),
    ] {
        deck.be(mood);
        // What is endless shall end for its size.
        let limits = SpacedeckTimeouts {
            pdf: Duration::from_secs(if mood == Mood::PdfEndless { 60 } else { 2 }),
            ..IMPATIENT
        };
        let pdf = fetched(&client_with(&deck, limits), &board.id).await;
        assert_eq!(pdf, Err(expected), "{mood:?}");
    }
    deck.be(Mood::Honest);
    assert_eq!(
        fetched(&client(&deck), "space-7").await,
        Err(SpacedeckError::NotFound)
    );
}

#[tokio::test]
async fn a_wrong_key_is_named_once_and_told_nowhere() {
    let log = Log::of("trace");
    let deck = FakeSpacedeck::start().await;
    let key = "another-key-that-nobody-sees";
    let spacedeck = Spacedeck::new(&Outgoing::default(), &deck.url(), Secret::new(key), IMPATIENT);
    let spacedeck = spacedeck.expect("a client");
    for _ in 0..2 {
        let refused = spacedeck.create(NAME).await;
        assert!(matches!(refused, Err(SpacedeckError::Refused(_))), "{refused:?}");
    }
    let told: Vec<_> = log
        .lines()
        .into_iter()
        .filter(|line| line.contains("refuses"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("whiteboard.api_key"), "{told:?}");
    assert!(!log.text().contains(key) && !format!("{spacedeck:?}").contains(key));
    // Nor is an address by which people draw.
    let (board, _) = client(&deck).create(NAME).await.expect("a whiteboard");
    assert!(!log.text().contains(&board.url));
}
