//! Muting: every voice, now or when LiveKit can, and nothing else.

use std::time::Duration;

use colloquy::livekit::LivekitTimeouts;
use colloquy_actors::task::Outcome;

use super::{
    client::{client, id, mute, room},
    timeouts::{UNLIMITED, client_with},
    unavailable,
};
use crate::support::livekit::{End, FakeLivekit, Mood, Track};

/// Long enough for a test to change something between two tries.
const PATIENT: LivekitTimeouts = LivekitTimeouts {
    retry: Duration::from_millis(500),
    ..UNLIMITED
};

/// Whether the tracks of a participant are muted.
fn muted(livekit: &FakeLivekit, number: u128) -> Vec<bool> {
    let person = livekit.person(&room().to_string(), &id(number).to_string());
    let tracks = person.expect("somebody").tracks;
    tracks.iter().map(|track| track.muted).collect()
}

#[tokio::test]
async fn microphones_are_muted_and_nothing_else() {
    let livekit = FakeLivekit::start().await;
    let (client, room) = (client_with(&livekit, UNLIMITED), room().to_string());
    let tracks = [
        Track::live("TR_1", "CAMERA"),
        Track::live("TR_2", "MICROPHONE"),
        Track::live("TR_3", "MICROPHONE"),
        Track::live("TR_4", "SCREEN_SHARE_AUDIO"),
    ];
    for number in 1..=4 {
        livekit.enter(&room, &id(number).to_string(), &tracks[..number as usize]);
    }
    for (wanted, expected) in [
        (mute(&[4]), vec![id(4)]),
        (mute(&[1, 2, 3, 9]), vec![id(2), id(3)]),
    ] {
        assert_eq!(client.do_for_room(wanted.clone()).await, Outcome::Muted(expected));
        // Nobody is muted twice.
        assert_eq!(client.do_for_room(wanted).await, Outcome::Muted(vec![]));
    }
    assert_eq!(muted(&livekit, 4), [false, true, true, false]);
    assert_eq!(livekit.count("MutePublishedTrack"), 5);
    assert_eq!(client.do_for_room(mute(&[9])).await, Outcome::Muted(vec![]));
}

/// Whatever a client says that it comes from, others hear it. Only the sound of a screen is none of a microphone.
#[tokio::test]
async fn a_voice_under_another_name_is_muted() {
    let livekit = FakeLivekit::start().await;
    let (client, room) = (client(&livekit), room().to_string());
    let sources = ["CAMERA", "SCREEN_SHARE", "UNKNOWN", "SCREEN_SHARE_AUDIO"];
    let tracks: Vec<_> = sources
        .iter()
        .map(|source| Track::sound(source, source))
        .collect();
    livekit.enter(&room, &id(1).to_string(), &tracks);
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Muted(vec![id(1)]));
    assert_eq!(muted(&livekit, 1), [true, true, true, false]);
}

/// LiveKit shows a track only when others hear it already.
#[tokio::test]
async fn a_track_that_is_not_listed_yet_is_muted_later() {
    for (wanted, method) in [
        (mute(&[1]), "GetParticipant"),
        (mute(&[1, 2]), "ListParticipants"),
    ] {
        let livekit = FakeLivekit::start().await;
        let (client, room) = (client_with(&livekit, PATIENT), room().to_string());
        livekit.enter(&room, &id(1).to_string(), &[Track::live("TR_1", "CAMERA")]);
        let published = async {
            let (number, _) = livekit.expect(method).await;
            livekit.end_of(number).await;
            livekit.enter(&room, &id(1).to_string(), &[Track::live("TR_2", "MICROPHONE")]);
        };
        let (outcome, ()) = tokio::join!(client.do_for_room(wanted), published);
        assert_eq!(outcome, Outcome::Muted(vec![id(1)]));
        assert_eq!(muted(&livekit, 1), [true]);
    }
}

#[tokio::test]
async fn a_mute_that_failed_is_repeated_for_those_alone() {
    let livekit = FakeLivekit::start().await;
    let (client, room) = (client_with(&livekit, PATIENT), room().to_string());
    let tracks = [Track::live("TR_1", "MICROPHONE")];
    for number in 1..=2 {
        livekit.enter(&room, &id(number).to_string(), &tracks);
    }
    let silent = Track {
        muted: true,
        ..tracks[0].clone()
    };
    livekit.enter(&room, &id(3).to_string(), &[silent]);
    livekit.be_about("MutePublishedTrack", Mood::Lying(unavailable));
    let mended = async {
        for _ in 1..=2 {
            let (number, _) = livekit.expect("MutePublishedTrack").await;
            assert_eq!(livekit.end_of(number).await, End::Answered(503));
        }
        livekit.be(Mood::Honest);
    };
    let (outcome, ()) = tokio::join!(client.do_for_room(mute(&[1, 2, 3])), mended);
    assert_eq!(outcome, Outcome::Muted(vec![id(1), id(2)]));
    assert_eq!(livekit.count("MutePublishedTrack"), 4);
    assert_eq!(livekit.count("ListParticipants"), 2);
}

/// A hiccup is no reason to say that LiveKit is away: that it has worked a moment ago excuses it.
#[tokio::test]
async fn only_silence_for_a_while_is_told() {
    let livekit = FakeLivekit::start().await;
    let limits = LivekitTimeouts {
        silence: Duration::from_mins(1),
        ..UNLIMITED
    };
    let client = client_with(&livekit, limits);
    livekit.be(Mood::Lying(unavailable));
    assert_eq!(
        client.do_for_room(mute(&[1])).await,
        Outcome::Unavailable,
        "it never worked"
    );
    assert_eq!(livekit.calls().len(), 3);
    livekit.be(Mood::Honest);
    client.rooms().await.expect("a list");
    livekit.be(Mood::Lying(unavailable));
    assert_eq!(client.do_for_room(mute(&[1])).await, Outcome::Muted(vec![]));
    assert_eq!(livekit.calls().len(), 7);
}
