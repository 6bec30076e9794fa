//! A directory that is slow, silent or out of its mind holds nobody up.

use std::time::Duration;

use colloquy::config::Config;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Realm, shown};
use crate::{
    databases::Kind,
    support::{
        directory::{CLIENT_SECRET, Mood},
        log::Log,
    },
};

on_both_databases!(Realm:
    others_do_not_wait_for_four_who_ask, a_silent_directory_is_left_alone_for_a_while, what_fails_finds_nobody,
    one_question_that_is_too_much_does_not_stop_others, neither_secrets_nor_people_stand_in_the_log);

/// What must be there at once is there within five times three seconds, or it has waited for the directory.
const TIME_LIMIT: Duration = Duration::from_secs(15);

const ALICE: &str = "registered alice@example.org";
const AARON: &str = "unregistered aaron@example.org";

async fn others_do_not_wait_for_four_who_ask(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("aaron", "Aaron", "Adams");
    directory.be(Mood::Held);
    let words = ["ada", "adam", "adams", "adams a"];
    let asking = join_all(words.map(|q| realm.find(&realm.alice, q)));
    let looking = async {
        directory.asked(4).await;
        // There is no place for a fifth, whoever asks.
        let found = timeout(TIME_LIMIT, realm.find(&realm.bob, "adams alice")).await;
        let found = found.expect("the database's answer, at once");
        assert_eq!(shown(&found), [ALICE]);
        assert_eq!(directory.questions().len(), 4);
        directory.release(4);
    };
    let (answers, ()) = tokio::join!(asking, looking);
    // What the directory told them depends on whether this took more than three seconds.
    for found in &answers {
        assert!(shown(found).contains(&ALICE.to_owned()), "{found:?}");
    }
    directory.be(Mood::Fine);
    realm.api.clock.advance(30);
    assert_eq!(shown(&realm.find(&realm.bob, "aaron").await), [AARON]);
}

async fn a_silent_directory_is_left_alone_for_a_while(realm: &Realm) {
    let log = Log::start();
    let directory = &realm.directory;
    directory.add("aaron", "Aaron", "Adams");
    directory.be(Mood::Silent);
    let found = timeout(TIME_LIMIT, realm.found("adams")).await;
    assert_eq!(found.expect("an answer in time"), [ALICE]);
    directory.be(Mood::Fine);
    // Nobody tries, and nobody waits.
    realm.api.clock.advance(4);
    for q in ["adams", "adams a"] {
        assert_eq!(realm.found(q).await, [ALICE]);
    }
    assert_eq!(directory.questions().len(), 1);
    realm.api.clock.advance(1);
    assert_eq!(realm.found("adams").await, [ALICE, AARON]);
    let lines = log.lines();
    let of = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    assert_eq!(of("WARN"), 1, "{lines:#?}");
    assert_eq!(of("answers again"), 1, "{lines:#?}");
}

async fn what_fails_finds_nobody(realm: &Realm) {
    let log = Log::start();
    let directory = &realm.directory;
    directory.add("aaron", "Aaron", "Adams");
    let moods = [
        Mood::Refusing(500),
        Mood::Refusing(503),
        Mood::Refusing(403),
        Mood::Refusing(429),
        Mood::Refusing(404),
        Mood::Elsewhere,
        Mood::Nonsense,
        Mood::Endless,
    ];
    for mood in moods {
        directory.be(mood);
        let before = directory.questions().len();
        assert_eq!(realm.found("adams").await, [ALICE], "{mood:?}");
        assert_eq!(directory.questions().len(), before + 1, "{mood:?}");
        realm.api.clock.advance(5);
    }
    // One line for all of it.
    let warned = log.lines().iter().filter(|line| line.contains("WARN")).count();
    assert_eq!(warned, 1, "{}", log.text());
    directory.be(Mood::Fine);
    assert_eq!(realm.found("adams").await, [ALICE, AARON]);
}

async fn one_question_that_is_too_much_does_not_stop_others(realm: &Realm) {
    let directory = &realm.directory;
    directory.add("aaron", "Aaron", "Adams");
    for mood in [Mood::Endless, Mood::Refusing(400)] {
        directory.be(mood);
        assert_eq!(realm.found("adams").await, [ALICE], "{mood:?}");
    }
    directory.be(Mood::Fine);
    assert_eq!(realm.found("adams").await, [ALICE, AARON]);
}

async fn neither_secrets_nor_people_stand_in_the_log(realm: &Realm) {
    let log = Log::of("debug,colloquy=trace");
    let directory = &realm.directory;
    directory.add("aaron", "Aaron", "Adams");
    for mood in [Mood::Fine, Mood::Nonsense, Mood::Refusing(500), Mood::Elsewhere] {
        directory.be(mood);
        realm.found("adams").await;
        realm.api.clock.advance(30);
    }
    let tokens = directory.tokens();
    assert!(!tokens.is_empty());
    let text = log.text();
    assert!(text.contains("can't be asked"), "{text}");
    for secret in tokens.iter().map(String::as_str).chain([CLIENT_SECRET]) {
        assert!(!text.contains(secret), "{text}");
    }
    for line in log.lines() {
        for word in ["adams", "Adams", "aaron"] {
            assert!(!line.contains(word), "{line}");
        }
    }
}

/// A server whose secret is wrong, or whose issuer is away, finds those that it knows.
async fn without_access(kind: Kind, configure: impl FnOnce(&mut Config)) {
    let log = Log::start();
    let realm = Realm::with(kind, configure).await;
    realm.directory.add("aaron", "Aaron", "Adams");
    for _ in 0..2 {
        assert_eq!(realm.found("adams").await, [ALICE]);
        realm.api.clock.advance(5);
    }
    assert!(realm.directory.questions().is_empty());
    let lines = log.lines();
    let warned = lines.iter().filter(|line| line.contains("oidc.user_search"));
    assert_eq!(warned.count(), 1, "{lines:#?}");
    realm.finish().await;
}

#[tokio::test]
async fn a_wrong_secret_opens_nothing() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        without_access(kind, |config| {
            config.oidc.user_search.client_secret = Some(colloquy::secrets::Secret::new("wrong"));
        })
        .await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_another_one_is_not_logged_in_to() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        without_access(kind, |config| {
            let authority = config.oidc.authority.as_mut().expect("an authority");
            authority.set_path("/realms/another");
        })
        .await;
    }
}
