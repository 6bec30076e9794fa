//! How many mails go out, whatever is asked for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use colloquy::{
    config::Quotas,
    mail::{self, Cause, Kind, Mail, Told},
    store::{
        StoreError,
        address_hash::AddressHash,
        event_invites::Receiver,
        mail_refusals,
        usage::{Limits, QuotaError},
        users,
    },
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{Post, invitation, invitation_to, time, weekly};

on_both_databases!(Post:
    newer_changes_replace_what_has_not_gone_out,
    changes_of_an_event_wait_for_the_hour_and_the_last_one_wins,
    an_address_gets_three_mails_in_an_hour,
    addresses_do_not_wait_for_each_other,
    one_sender_keeps_nobody_out,
    whoever_gets_too_many_is_not_told_and_the_sender_knows,
    many_at_once_find_no_more_room_than_one_by_one,
    the_end_waits_for_nothing,
    who_never_heard_of_an_event_hears_nothing_of_its_end,
    the_rest_of_a_day_goes_to_the_first,
    a_refusal_holds_for_what_waits_already,
    a_refused_address_gets_nothing,
    mails_of_whoever_is_locked_out_do_not_go,
);

const HOUR: Duration = Duration::from_hours(1);

const BOB: &str = "bob@example.org";

/// Only what a test is about.
const NONE: Quotas = Quotas::NONE;

impl Post {
    fn cause(&self, by: Uuid, quotas: Quotas) -> Cause {
        Cause {
            by,
            limits: Limits::new(BTreeMap::new(), quotas),
            at: self.now(),
        }
    }

    pub async fn change(&self, mails: Vec<Mail>, quotas: Quotas) -> Told {
        let cause = self.cause(Uuid::from_u128(7), quotas);
        let told: Result<Told, StoreError> = self
            .store
            .db
            .transaction(move |tx| Box::pin(async move { mail::queue_change(tx, mails, &cause).await }))
            .await;
        told.expect("a transaction")
    }

    /// Somebody else each time.
    async fn invite(&self, mail: Mail, quotas: Quotas) -> Told {
        self.invite_by(Uuid::new_v4(), mail, quotas).await
    }

    async fn invite_by(&self, by: Uuid, mail: Mail, quotas: Quotas) -> Told {
        let cause = self.cause(by, quotas);
        let queued: Result<Told, QuotaError> = self
            .store
            .db
            .transaction(move |tx| Box::pin(async move { mail::queue_invitation(tx, mail, &cause).await }))
            .await;
        queued.expect("a transaction")
    }

    /// As of an invitee who was told of the event, or not yet.
    async fn end(&self, mail: Mail, was_told: bool) {
        let now = self.now();
        let queued: Result<(), StoreError> = self
            .store
            .db
            .transaction(move |tx| {
                Box::pin(async move { mail::queue_end(tx, vec![(mail, was_told)], now).await })
            })
            .await;
        queued.expect("a transaction");
    }

    /// Subjects of the mails that go out now, by the alphabet.
    async fn delivered(&self) -> Vec<String> {
        let worker = self.worker();
        let mut subjects = Vec::new();
        loop {
            let round = worker.round().await.expect("a database");
            for _ in 0..round.sent {
                subjects.push(self.mail().await.header("subject").to_owned());
            }
            if round.sent == 0 {
                self.expect_nothing().await;
                subjects.sort();
                return subjects;
            }
        }
    }
}

fn update(title: &str) -> Mail {
    let mut mail = Mail {
        kind: Kind::Update,
        ..invitation_to(BOB)
    };
    title.clone_into(&mut Arc::make_mut(&mut mail.event).title);
    mail
}

/// An invitation to an event of its own.
fn to_event(number: u128, email: &str) -> Mail {
    let mut mail = invitation_to(email);
    Arc::make_mut(&mut mail.event).id = Uuid::from_u128(1_000 + number);
    Arc::make_mut(&mut mail.event).title = format!("Event {number}");
    mail
}

async fn newer_changes_replace_what_has_not_gone_out(post: &Post) {
    for number in 1..=3 {
        assert_eq!(
            post.change(vec![update(&format!("Title {number}"))], NONE).await,
            Told::Everybody
        );
    }
    assert_eq!(post.count("TRUE").await, 1);
    assert_eq!(post.delivered().await, ["Changed: Title 3"]);
    // Of two occurrences, one of which is still to be told, the event is told with both.
    for day in ["2026-07-13T08:00:00Z", "2026-07-20T08:00:00Z"] {
        let mut moved = Mail {
            kind: Kind::Update,
            instance: Some(time(day)),
            ..weekly()
        };
        Arc::make_mut(&mut moved.event).title = format!("On {day}");
        post.change(vec![moved], NONE).await;
    }
    let sent = post.worker().round().await.expect("a database").sent;
    assert_eq!((sent, post.count("sent_at IS NULL").await), (1, 0));
    let mail = post.mail().await;
    assert_eq!(mail.event()["recurrence_id"], serde_json::Value::Null);
    assert_eq!(mail.event()["rule"], "FREQ=WEEKLY;BYDAY=MO");
}

async fn changes_of_an_event_wait_for_the_hour_and_the_last_one_wins(post: &Post) {
    let quotas = Quotas {
        event_mails_per_hour: 5,
        ..NONE
    };
    for number in 1..=5 {
        post.change(vec![update(&format!("Title {number}"))], quotas)
            .await;
        assert_eq!(post.delivered().await, [format!("Changed: Title {number}")]);
        post.pass(Duration::from_mins(1));
    }
    for number in 6..=8 {
        assert_eq!(
            post.change(vec![update(&format!("Title {number}"))], quotas)
                .await,
            Told::Everybody
        );
        assert_eq!(post.delivered().await, Vec::<String>::new());
        post.pass(Duration::from_mins(1));
    }
    // An hour after the first one.
    post.pass(Duration::from_mins(51));
    assert_eq!(post.delivered().await, Vec::<String>::new());
    post.pass(Duration::from_mins(1));
    assert_eq!(post.delivered().await, ["Changed: Title 8"]);
    post.pass(2 * HOUR);
    assert_eq!(post.delivered().await, Vec::<String>::new());
}

async fn an_address_gets_three_mails_in_an_hour(post: &Post) {
    let quotas = Quotas {
        mails_per_address_per_hour: 3,
        ..NONE
    };
    for number in 1..=3 {
        // Whoever invites.
        post.invite(to_event(number, BOB), quotas).await;
    }
    assert_eq!(post.delivered().await.len(), 3);
    for number in 4..=8 {
        post.invite(to_event(number, "BOB@example.org"), quotas).await;
    }
    assert_eq!(post.delivered().await.len(), 0);
    // What waits tells the newest.
    let mut changed = Mail {
        kind: Kind::Update,
        ..to_event(4, BOB)
    };
    "Event 4, elsewhere".clone_into(&mut Arc::make_mut(&mut changed.event).title);
    post.change(vec![changed], quotas).await;
    post.pass(HOUR);
    assert_eq!(
        post.delivered().await,
        [
            "Invitation: Event 4, elsewhere",
            "Invitation: Event 5",
            "Invitation: Event 6"
        ]
    );
    post.pass(HOUR);
    assert_eq!(
        post.delivered().await,
        ["Invitation: Event 7", "Invitation: Event 8"]
    );
}

async fn addresses_do_not_wait_for_each_other(post: &Post) {
    let quotas = Quotas {
        mails_per_address_per_hour: 1,
        ..NONE
    };
    for number in 1..=20 {
        post.invite(to_event(1, &format!("g{number}@example.org")), quotas)
            .await;
    }
    assert_eq!(post.delivered().await.len(), 20);
}

async fn one_sender_keeps_nobody_out(post: &Post) {
    let quotas = Quotas {
        mails_per_address_per_hour: 4,
        ..NONE
    };
    let flooder = Uuid::from_u128(1);
    for number in 0..40 {
        post.invite_by(flooder, to_event(number, BOB), quotas).await;
    }
    assert_eq!(post.delivered().await.len(), 4);
    // Two of each later hour are others'.
    post.invite(to_event(100, BOB), quotas).await;
    post.invite(to_event(101, BOB), quotas).await;
    post.invite(to_event(102, BOB), quotas).await;
    let mut hours = Vec::new();
    for _ in 0..3 {
        post.pass(HOUR);
        hours.push(post.delivered().await);
    }
    let of_others = |hour: &Vec<String>| hour.iter().filter(|subject| subject.contains("Event 10")).count();
    assert_eq!(
        hours.iter().map(of_others).collect::<Vec<_>>(),
        [2, 1, 0],
        "{hours:?}"
    );
    assert_eq!(
        hours.iter().map(Vec::len).collect::<Vec<_>>(),
        [4, 3, 2],
        "{hours:?}"
    );
}

async fn whoever_gets_too_many_is_not_told_and_the_sender_knows(post: &Post) {
    let quotas = Quotas {
        mails_per_address_per_hour: 1,
        ..NONE
    };
    // One at once, and one in each of 24 hours.
    for number in 0..25 {
        assert_eq!(
            post.invite(to_event(number, BOB), quotas).await,
            Told::Everybody,
            "{number}"
        );
    }
    assert_eq!(post.invite(to_event(25, BOB), quotas).await, Told::NotEverybody);
    let change = |email: &str| Mail {
        kind: Kind::Update,
        ..to_event(26, email)
    };
    let told = post
        .change(vec![change(BOB), change("rob@example.org")], quotas)
        .await;
    assert_eq!(told, Told::NotEverybody);
    assert_eq!(post.count("TRUE").await, 26);
}

async fn many_at_once_find_no_more_room_than_one_by_one(post: &Post) {
    let quotas = Quotas {
        mails_per_address_per_hour: 3,
        ..NONE
    };
    join_all((1..=12).map(|number| post.invite(to_event(number, BOB), quotas))).await;
    assert_eq!(post.count("TRUE").await, 12);
    assert_eq!(post.delivered().await.len(), 3);
    post.pass(HOUR);
    assert_eq!(post.delivered().await.len(), 3);
}

async fn the_end_waits_for_nothing(post: &Post) {
    let quotas = Quotas {
        mails_per_address_per_hour: 2,
        ..NONE
    };
    post.invite(to_event(1, BOB), quotas).await;
    post.invite(to_event(2, BOB), quotas).await;
    assert_eq!(post.delivered().await.len(), 2);
    let changed = Mail {
        kind: Kind::Update,
        ..to_event(1, BOB)
    };
    post.change(vec![changed], quotas).await;
    // A cancelled occurrence is heard while changes wait.
    let cancelled = Mail {
        kind: Kind::Cancel,
        instance: Some(time("2026-07-13T08:00:00Z")),
        ..to_event(2, BOB)
    };
    post.change(vec![cancelled], quotas).await;
    assert_eq!(post.delivered().await, ["Cancelled: Event 2"]);
    for (kind, number, subject) in [
        (Kind::Cancel, 1, "Cancelled: Event 1"),
        (Kind::Uninvite, 2, "Invitation withdrawn: Event 2"),
    ] {
        let end = Mail {
            kind,
            ..to_event(number, BOB)
        };
        post.end(end, true).await;
        assert_eq!(post.delivered().await, [subject]);
    }
    // The change that waited is not told after the end.
    post.pass(24 * HOUR);
    assert_eq!(post.delivered().await, Vec::<String>::new());
}

async fn who_never_heard_of_an_event_hears_nothing_of_its_end(post: &Post) {
    post.invite(invitation_to(BOB), NONE).await;
    let end = || Mail {
        kind: Kind::Uninvite,
        ..invitation_to(BOB)
    };
    post.end(end(), false).await;
    assert_eq!(post.count("TRUE").await, 0);
    // Nor does who was invited without a word, or whose mail was left out.
    post.end(end(), false).await;
    assert_eq!(post.count("TRUE").await, 0);
    // An invitation that was tried may be there.
    post.invite(invitation_to(BOB), NONE).await;
    post.be("refuse 451").await;
    assert_eq!(post.worker().round().await.expect("a database").put_off, 1);
    assert!(post.told().await["refused"].is_array());
    post.be("accept").await;
    post.end(end(), false).await;
    assert_eq!(post.delivered().await, ["Invitation withdrawn: Planning"]);
    post.pass(2 * HOUR);
    assert_eq!(post.delivered().await, Vec::<String>::new());
}

async fn the_rest_of_a_day_goes_to_the_first(post: &Post) {
    let quotas = Quotas {
        mails_per_day: 3,
        ..NONE
    };
    let to = |number: u128| Mail {
        kind: Kind::Update,
        ..invitation_to(&format!("g{number}@example.org"))
    };
    assert_eq!(post.change(vec![to(1), to(2)], quotas).await, Told::Everybody);
    // Those two are replaced, which costs nothing.
    assert_eq!(
        post.change(vec![to(1), to(2), to(3), to(4)], quotas).await,
        Told::NotEverybody
    );
    assert_eq!(post.delivered().await.len(), 3);
    assert_eq!(post.change(vec![to(1)], quotas).await, Told::NotEverybody);
    assert_eq!(post.delivered().await.len(), 0);
    // Until midnight.
    post.pass(12 * HOUR);
    assert_eq!(post.change(vec![to(1)], quotas).await, Told::Everybody);
    assert_eq!(post.delivered().await.len(), 1);
}

async fn a_refusal_holds_for_what_waits_already(post: &Post) {
    post.enqueue(&[invitation(), invitation_to("rob@example.org")])
        .await;
    let (db, bob) = (&post.store.db, AddressHash::of("Bob@Example.org"));
    mail_refusals::add(db, bob, post.now())
        .await
        .expect("a transaction");
    let round = post.worker().round().await.expect("a database");
    assert_eq!((round.sent, round.unwanted, round.given_up), (1, 1, 0));
    assert_eq!(post.mail().await.0["envelope_to"][0], "rob@example.org");
    post.expect_nothing().await;
    assert_eq!(post.count("last_error = 'the receiver wants no mail'").await, 1);
}

async fn a_refused_address_gets_nothing(post: &Post) {
    let db = &post.store.db;
    let bob = AddressHash::of(BOB);
    for _ in 0..2 {
        mail_refusals::add(db, bob, post.now())
            .await
            .expect("a transaction");
    }
    let registered = Mail {
        receiver: Receiver::Registered {
            id: Uuid::from_u128(3),
            email: "Bob@Example.org".to_owned(),
            name: "Bob".to_owned(),
            language: "en".to_owned(),
        },
        ..invitation()
    };
    post.invite(registered.clone(), NONE).await;
    post.invite(invitation_to(BOB), NONE).await;
    post.change(vec![update("New")], NONE).await;
    for kind in [Kind::Cancel, Kind::Uninvite] {
        let end = Mail {
            kind,
            ..registered.clone()
        };
        post.end(end, true).await;
    }
    assert_eq!(post.count("TRUE").await, 0);
    mail_refusals::remove(db, bob).await.expect("a transaction");
    post.invite(registered, NONE).await;
    assert_eq!(post.delivered().await, ["Invitation: Planning"]);
}

async fn mails_of_whoever_is_locked_out_do_not_go(post: &Post) {
    let (mallory, bob) = (post.store.user("mallory").await, post.store.user("bob").await);
    let (by, other) = (mallory.profile.id, bob.profile.id);
    post.invite_by(by, to_event(1, "one@example.org"), NONE).await;
    post.invite_by(other, to_event(2, "two@example.org"), NONE).await;
    let end = Mail {
        kind: Kind::Uninvite,
        ..to_event(3, "three@example.org")
    };
    post.end(end, true).await;
    let locked = users::disable(&post.store.db, by, post.now()).await;
    assert!(locked.expect("a transaction").is_some());
    assert_eq!(
        post.delivered().await,
        ["Invitation withdrawn: Event 3", "Invitation: Event 2"]
    );
    users::enable(&post.store.db, by).await.expect("a transaction");
    post.pass(2 * HOUR);
    assert_eq!(post.delivered().await, Vec::<String>::new());
}
