//! Logins that have ended, as they are stored and read.

use chrono::TimeDelta;
use colloquy::{
    identity::{Revocations, VerifiedToken},
    identity_notices::IdentityNotices,
    known_users::KnownUsers,
    store::void_sessions::{self, Ended, VoidSession},
};

use super::{Store, at, token};
use crate::identity::clock::TestClock;

on_both_databases!(Store:
    a_notice_is_stored_once, many_are_read_in_their_order, a_look_finds_what_others_have_stored,
    what_was_known_holds_without_a_database);

fn void(session: &str, seconds: i64) -> VoidSession {
    VoidSession {
        issuer: "https://issuer.example".to_owned(),
        client: "Frontend".to_owned(),
        ended: Ended::Session(session.to_owned()),
        iat: 10,
        at: at(seconds),
    }
}

async fn insert(store: &Store, voids: Vec<VoidSession>) {
    void_sessions::insert(&store.db, voids).await.expect("stored");
}

fn of_login(session: &str) -> VerifiedToken {
    VerifiedToken {
        session: Some(session.to_owned()),
        issued_at: 10,
        ..token("ada")
    }
}

async fn a_notice_is_stored_once(store: &Store) {
    let of_subject = VoidSession {
        ended: Ended::Subject("ada".to_owned()),
        ..void("", 1)
    };
    insert(store, vec![void("s", 0), of_subject.clone()]).await;
    insert(store, vec![void("s", 5)]).await;
    let stored = void_sessions::since(&store.db, at(0)).await.expect("a query");
    assert_eq!(stored, [void("s", 0), of_subject.clone()]);
    let later = void_sessions::since(&store.db, at(1)).await.expect("a query");
    assert_eq!(later, [of_subject]);
}

async fn many_are_read_in_their_order(store: &Store) {
    // More than a page, many of them at the same time.
    let voids: Vec<_> = (0..2_500).map(|n| void(&n.to_string(), n / 900)).collect();
    insert(store, voids).await;
    let read = void_sessions::since(&store.db, at(0)).await.expect("a query");
    assert_eq!(read.len(), 2_500);
    assert!(read.is_sorted_by_key(|void| void.at));
}

async fn notices(store: &Store, clock: &TestClock, revocations: &Revocations) -> IdentityNotices {
    let notices = IdentityNotices::load(
        store.again().await,
        clock.clock(),
        revocations.clone(),
        KnownUsers::default(),
        TimeDelta::hours(24),
    );
    notices.await.expect("a look")
}

async fn a_look_finds_what_others_have_stored(store: &Store) {
    let clock = TestClock::new();
    insert(store, vec![void("before", -3_600), void("long ago", -25 * 3_600)]).await;
    let revocations = Revocations::default();
    let mut notices = notices(store, &clock, &revocations).await;
    assert!(revocations.is_void(&of_login("before")));
    assert!(
        !revocations.is_void(&of_login("long ago")),
        "its tokens have expired"
    );
    for (name, seconds) in [("new", 5), ("of a fast clock", 3_000), ("of a slow clock", -10)] {
        assert!(!revocations.is_void(&of_login(name)), "{name}");
        insert(store, vec![void(name, seconds)]).await;
        clock.advance(5);
        notices.look().await.expect("a look");
        assert!(revocations.is_void(&of_login(name)), "{name}");
    }
    assert!(revocations.is_void(&of_login("before")));
}

async fn what_was_known_holds_without_a_database(store: &Store) {
    let clock = TestClock::new();
    insert(store, vec![void("s", 0)]).await;
    let revocations = Revocations::default();
    let db = store.again().await;
    let mut notices = IdentityNotices::load(
        db.clone(),
        clock.clock(),
        revocations.clone(),
        KnownUsers::default(),
        TimeDelta::hours(24),
    )
    .await
    .expect("a look");
    db.close().await;
    notices.look().await.expect_err("no database");
    assert!(revocations.is_void(&of_login("s")));
}
