//! What mails tell of an event lies in the database once, however many are told.

use std::sync::Arc;

use chrono::TimeDelta;
use colloquy::{
    mail::{Kind, Mail},
    store::outbox,
};

use super::{Post, invitation, invitation_to};

on_both_databases!(Post:
    what_many_are_told_is_stored_once,
    newer_mails_take_the_entries_of_older_ones_with_them,
    entries_that_nobody_is_told_go_after_a_while,
    mails_that_hold_their_entry_themselves_are_sent,
);

/// Invitations of many to an event with a long description.
fn invitations(number: usize, description: &str) -> Vec<Mail> {
    let mut event = invitation().event;
    description.clone_into(&mut Arc::make_mut(&mut event).description);
    let to = |number: usize| Mail {
        event: Arc::clone(&event),
        ..invitation_to(&format!("guest{number}@example.org"))
    };
    (0..number).map(to).collect()
}

impl Post {
    async fn entries(&self) -> i64 {
        self.store.number("SELECT count(*) FROM outbox_entries").await
    }
}

async fn what_many_are_told_is_stored_once(post: &Post) {
    let description = "Long. ".repeat(500);
    post.enqueue(&invitations(300, &description)).await;
    // The same of another transaction, as when one is invited after the other.
    post.enqueue(&invitations(2, &description)).await;
    assert_eq!((post.count("TRUE").await, post.entries().await), (302, 1));
    let longest = "SELECT CAST(max(length(CAST(mail AS text))) AS bigint) FROM outbox";
    let longest = post.store.number(longest).await;
    assert!(longest < 1_000, "{longest} characters");
    let sent = post.worker().round().await.expect("a database").sent;
    assert_eq!(sent, 8);
    for _ in 0..sent {
        assert!(post.mail().await.text("text/plain").contains("Long. Long. "));
    }
}

async fn newer_mails_take_the_entries_of_older_ones_with_them(post: &Post) {
    let change = |description| {
        let mails = invitations(3, description).into_iter();
        let mails = mails.map(|mail| Mail {
            kind: Kind::Update,
            ..mail
        });
        post.change(mails.collect(), colloquy::config::Quotas::NONE)
    };
    for description in ["First", "Second", "Third"] {
        change(description).await;
        assert_eq!(
            (post.count("TRUE").await, post.entries().await),
            (3, 1),
            "{description}"
        );
    }
    // What was tried stays as long as the record of it.
    post.be("refuse 451").await;
    assert_eq!(post.worker().round().await.expect("a database").put_off, 3);
    change("Fourth").await;
    assert_eq!((post.count("TRUE").await, post.entries().await), (6, 2));
}

async fn entries_that_nobody_is_told_go_after_a_while(post: &Post) {
    post.enqueue(&invitations(3, "Kept")).await;
    post.enqueue(&invitations(3, "Left")).await;
    post.store
        .execute("DELETE FROM outbox WHERE entry_id IN (SELECT id FROM outbox_entries WHERE CAST(entry AS text) LIKE '%Left%')")
        .await;
    let delete = |before| outbox::delete_left_entries(&post.store.db, before, 10);
    assert_eq!(
        delete(post.now()).await.expect("a database"),
        0,
        "it may be of just now"
    );
    assert_eq!(
        delete(post.now() + TimeDelta::seconds(1))
            .await
            .expect("a database"),
        1
    );
    assert_eq!(post.entries().await, 1);
}

/// As those of older versions do.
async fn mails_that_hold_their_entry_themselves_are_sent(post: &Post) {
    post.enqueue(&[invitation()]).await;
    let merged = match &post.store.db {
        colloquy::store::Db::Sqlite { .. } => {
            "json_set(mail, '$.event', (SELECT json(entry) FROM outbox_entries))"
        }
        colloquy::store::Db::Postgres(_) => "jsonb_set(mail, '{event}', (SELECT entry FROM outbox_entries))",
    };
    post.store
        .execute(&format!(
            "UPDATE outbox SET mail = {merged}, entry_id = NULL, caused_by = NULL"
        ))
        .await;
    post.store.execute("DELETE FROM outbox_entries").await;
    assert_eq!(post.worker().round().await.expect("a database").sent, 1);
    assert_eq!(post.mail().await.header("subject"), "Invitation: Planning");
}
