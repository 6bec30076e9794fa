//! Looking at who is in a room of LiveKit: what is told of it, and what is none of our business.

use std::sync::Arc;

use colloquy_actors::{
    livekit::{Brief, Call, Differences, Expected, MediaIdentity, Source},
    task::Outcome,
};

use super::{
    client::{client, id, permit, room},
    timeouts::{UNLIMITED, client_with},
};
use crate::support::livekit::{FakeLivekit, Mood, Person, Track, permission, unseen_and_mute};

const ALL: [Source; 4] = [
    Source::Camera,
    Source::Microphone,
    Source::ScreenShare,
    Source::ScreenShareAudio,
];
const SILENT: [Source; 3] = [Source::Camera, Source::ScreenShare, Source::ScreenShareAudio];

fn expected(number: u128, sources: &[Source], popouts: u32) -> Expected {
    Expected {
        id: id(number),
        sources: sources.to_vec(),
        is_hidden: false,
        popouts,
    }
}

fn look(urgent: bool, expected: impl Into<Vec<Expected>>) -> Call {
    let brief = Brief {
        expected: expected.into(),
        ghosts: Vec::new(),
    };
    Call::Look {
        room: room(),
        urgent,
        brief: Arc::new(brief),
    }
}

fn seen(found: Differences) -> Outcome {
    Outcome::Seen {
        found,
        webhooks: false,
    }
}

fn popout(number: u128, popout: u32) -> MediaIdentity {
    MediaIdentity {
        participant: id(number),
        popout: Some(popout),
    }
}

/// Somebody with a number and a permission that is not the usual one.
fn with_permission(number: u128, permission: serde_json::Value) -> Person {
    Person {
        permission,
        ..Person::of(&id(number).to_string(), &[])
    }
}

/// Everybody as it should be, and other programs that have the key.
fn enter_those_who_belong_there(livekit: &FakeLivekit) {
    let room = &*room().to_string();
    livekit.enter(room, &id(1).to_string(), &[Track::live("TR_1", "MICROPHONE")]);
    livekit.enter(room, &popout(1, 1).to_string(), &[]);
    // The order of sources says nothing, and the sound of a screen belongs to it.
    let silent = Person {
        permission: permission(&["screen_share_audio", "camera", "screen_share"]),
        ..Person::of(
            "",
            &[
                Track::live("TR_2", "SCREEN_SHARE"),
                Track::live("TR_3", "SCREEN_SHARE_AUDIO"),
            ],
        )
    };
    livekit.enter_as(room, &id(2).to_string(), silent);
    livekit.enter_as(room, &id(3).to_string(), with_permission(3, unseen_and_mute()));
    for (identity, kind) in [
        ("sip_+491234", "SIP"),
        ("EG_x", "EGRESS"),
        ("bot", "STANDARD"),
        ("agent", "AGENT"),
        (&*id(77).to_string(), "SIP"),
    ] {
        let other = Person {
            kind,
            ..Person::of(identity, &[Track::sound("TR_4", "CAMERA")])
        };
        livekit.enter_as(room, identity, other);
    }
}

fn those_who_should_be_there() -> Vec<Expected> {
    let recorder = Expected {
        is_hidden: true,
        ..expected(3, &[], 0)
    };
    // Not everybody comes to LiveKit.
    vec![
        expected(1, &ALL, 1),
        expected(2, &SILENT, 0),
        recorder,
        expected(4, &ALL, 4),
        expected(5, &SILENT, 0),
    ]
}

#[tokio::test]
async fn what_is_as_it_should_be_is_nothing() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    // A room that does not exist.
    for expected in [Vec::new(), those_who_should_be_there()] {
        assert_eq!(
            client.do_for_room(look(false, expected)).await,
            seen(Differences::default())
        );
    }
    enter_those_who_belong_there(&livekit);
    let outcome = client.do_for_room(look(false, those_who_should_be_there())).await;
    assert_eq!(outcome, seen(Differences::default()));
    assert!(
        livekit
            .calls()
            .iter()
            .all(|call| call.method == "ListParticipants")
    );
}

#[tokio::test]
async fn everything_that_differs_is_told() {
    let livekit = FakeLivekit::start().await;
    enter_those_who_belong_there(&livekit);
    let room = &*room().to_string();
    let sid = |identity: MediaIdentity| {
        let person = livekit.person(room, &identity.to_string());
        (identity, person.expect("somebody").sid)
    };
    // One who left, a window without a token, and one whose window is seen; a recorder that speaks.
    for identity in [id(9).into(), popout(1, 2), popout(9, 1)] {
        livekit.enter(room, &identity.to_string(), &[]);
    }
    livekit.enter_as(
        room,
        &popout(4, 1).to_string(),
        with_permission(4, permission(&[])),
    );
    livekit.enter_as(
        room,
        &id(3).to_string(),
        with_permission(3, permission(&["microphone"])),
    );
    // One who may do what it might before, and one who may do less.
    livekit.enter(room, &id(2).to_string(), &[]);
    livekit.enter_as(
        room,
        &id(4).to_string(),
        with_permission(4, permission(&["camera"])),
    );
    // One who may not speak, and does under another name.
    let disguised = Person {
        permission: permission(&["camera", "screen_share", "screen_share_audio"]),
        ..Person::of("", &[Track::sound("TR_9", "CAMERA")])
    };
    livekit.enter_as(room, &id(5).to_string(), disguised);
    let outcome = client(&livekit)
        .do_for_room(look(true, those_who_should_be_there()))
        .await;
    // In LiveKit's order.
    let found = Differences {
        strays: [popout(1, 2), id(9).into(), popout(9, 1)].map(sid).to_vec(),
        exposed: [id(3).into(), popout(4, 1)].map(sid).to_vec(),
        wrong: vec![id(2), id(4)],
        disguised: vec![(id(5), Source::Camera)],
        more: false,
    };
    assert_eq!(outcome, seen(found));
}

/// Whom LiveKit does not reach itself, as was found out, it is no use to tell of; one who comes again with the same name it is.
#[tokio::test]
async fn ghosts_that_are_known_are_not_told() {
    let livekit = FakeLivekit::start().await;
    let (client, name) = (client(&livekit), room().to_string());
    let ghost = MediaIdentity::from(id(9));
    livekit.enter(&name, &ghost.to_string(), &[]);
    let sid = || livekit.person(&name, &ghost.to_string()).expect("a ghost").sid;
    let brief = Brief {
        expected: Vec::new(),
        ghosts: vec![(ghost, sid())],
    };
    let look = Call::Look {
        room: room(),
        urgent: false,
        brief: Arc::new(brief),
    };
    assert_eq!(
        client.do_for_room(look.clone()).await,
        seen(Differences::default())
    );
    livekit.enter(&name, &ghost.to_string(), &[]);
    let found = Differences {
        strays: vec![(ghost, sid())],
        ..Differences::default()
    };
    assert_eq!(client.do_for_room(look).await, seen(found));
}

#[tokio::test]
async fn a_look_says_whether_livekit_tells_who_comes() {
    let livekit = FakeLivekit::start().await;
    let client = client(&livekit);
    let has_webhooks = async || match client.do_for_room(look(false, [])).await {
        Outcome::Seen { webhooks, .. } => webhooks,
        other => panic!("{other:?}"),
    };
    assert!(!has_webhooks().await);
    client.note_webhook();
    assert!(has_webhooks().await);
}

/// What is known to be wrong is looked at when LiveKit is back, the rest in a minute.
#[tokio::test]
async fn only_an_urgent_look_waits_for_livekit() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    livekit.die().await;
    for _ in 0..colloquy::livekit::FAILURES_MAX {
        let outcome = client.do_for_room(permit(1, &[Source::Camera])).await;
        assert_eq!(outcome, Outcome::Unavailable);
    }
    assert_eq!(client.do_for_room(look(false, [])).await, Outcome::Unavailable);
    livekit.revive().await;
    assert_eq!(
        client.do_for_room(look(true, [])).await,
        seen(Differences::default())
    );
}

#[tokio::test]
async fn a_look_in_vain_is_no_empty_room() {
    let livekit = FakeLivekit::start().await;
    let client = client_with(&livekit, UNLIMITED);
    for lie in [super::unavailable, super::forbidden] {
        livekit.be(Mood::Lying(lie));
        assert_eq!(client.do_for_room(look(true, [])).await, Outcome::Unavailable);
    }
}
