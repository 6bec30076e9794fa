//! Mail servers that refuse, hang or die; several workers; transactions that fail.

use std::time::Duration;

use colloquy::{
    mail::Round,
    store::{StoreError, outbox},
};

use super::{Post, due, invitation, invitation_to};

on_both_databases!(Post:
    a_transaction_that_fails_queues_nothing,
    two_workers_send_each_mail_once,
    a_refusal_for_now_is_tried_again_later_and_at_last_given_up,
    a_refusal_for_good_is_given_up_at_once,
    a_mail_server_that_hangs_costs_its_time_and_no_mail,
    a_mail_server_that_was_dead_gets_what_waited,
    a_worker_that_died_leaves_its_mails_to_others,
    a_mail_that_nobody_can_read_stands_in_nobodys_way,
);

const MINUTE: Duration = Duration::from_mins(1);

async fn round(post: &Post) -> Round {
    post.worker().round().await.expect("a database")
}

async fn a_transaction_that_fails_queues_nothing(post: &Post) {
    let now = post.now();
    let failed: Result<(), StoreError> = post
        .store
        .db
        .transaction(move |tx| {
            Box::pin(async move {
                outbox::insert(tx, &due(&[invitation()], now), None, now).await?;
                Err(StoreError::Stopping)
            })
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Stopping)));
    assert_eq!(post.count("TRUE").await, 0);
    assert_eq!(round(post).await, Round::default());
}

async fn two_workers_send_each_mail_once(post: &Post) {
    let addresses: Vec<_> = (0..40)
        .map(|number| format!("user{number}@example.org"))
        .collect();
    let mails: Vec<_> = addresses.iter().map(|address| invitation_to(address)).collect();
    post.enqueue(&mails).await;
    let until_empty = || async {
        let worker = post.worker();
        let mut sent = 0;
        loop {
            let round = worker.round().await.expect("a database");
            sent += round.sent;
            if round == Round::default() {
                return sent;
            }
        }
    };
    let receive = async {
        let mut received = Vec::new();
        while received.len() < addresses.len() {
            received.push(
                post.mail().await.0["envelope_to"][0]
                    .as_str()
                    .expect("an address")
                    .to_owned(),
            );
        }
        received
    };
    let (one, other, mut received) = tokio::join!(until_empty(), until_empty(), receive);
    assert_eq!(one + other, addresses.len());
    post.expect_nothing().await;
    received.sort();
    let mut expected = addresses.clone();
    expected.sort();
    assert_eq!(received, expected);
    assert_eq!(post.count("sent_at IS NOT NULL AND attempts = 1").await, 40);
}

async fn a_refusal_for_now_is_tried_again_later_and_at_last_given_up(post: &Post) {
    post.be("refuse 451").await;
    post.enqueue(&[invitation()]).await;
    let (worker, queued) = (post.worker(), post.now());
    let mut waits = Vec::new();
    loop {
        let round = worker.round().await.expect("a database");
        assert!(post.told().await["refused"].is_array());
        // Not at once again, whoever asks.
        assert_eq!(worker.round().await.expect("a database"), Round::default());
        let Some(due) = outbox::next_due(&post.store.db).await.expect("a database") else {
            assert_eq!(round.given_up, 1);
            break;
        };
        assert_eq!((round.put_off, round.is_unreachable), (1, false));
        waits.push((due - post.now()).num_seconds());
        post.pass((due - post.now()).to_std().expect("later"));
    }
    assert_eq!((post.now() - queued).num_hours(), 48);
    assert!(
        (24..=36).contains(&waits[0]) && (48..=72).contains(&waits[1]),
        "{waits:?}"
    );
    assert!(waits.iter().all(|wait| *wait <= 4320), "{waits:?}");
    assert!(
        (45..=75).contains(&waits.len()),
        "{} attempts in two days",
        waits.len()
    );
    assert_eq!(
        post.count("failed_at IS NOT NULL AND last_error LIKE '%451%'")
            .await,
        1
    );
    post.pass(100 * MINUTE);
    assert_eq!(round(post).await, Round::default(), "nobody tries again");
}

async fn a_refusal_for_good_is_given_up_at_once(post: &Post) {
    post.enqueue(&[invitation()]).await;
    post.be("refuse 550").await;
    let done = round(post).await;
    assert_eq!((done.given_up, done.is_unreachable), (1, false));
    assert!(post.told().await["refused"].is_array());
    assert_eq!(
        post.count("failed_at IS NOT NULL AND last_error LIKE '%550%'")
            .await,
        1
    );

    // Wrong settings of ours can be mended.
    post.enqueue(&[invitation()]).await;
    post.be("refuse 535").await;
    assert_eq!(round(post).await.put_off, 1);
    assert!(post.told().await["refused"].is_array());
    post.be("accept").await;
    post.pass(MINUTE);
    assert_eq!(round(post).await.sent, 1);
    post.mail().await;
}

async fn a_mail_server_that_hangs_costs_its_time_and_no_mail(post: &Post) {
    post.be("hang").await;
    post.enqueue(&[invitation()]).await;
    let impatient = post.worker().with_timeouts(Duration::from_millis(300));
    let done = impatient.round().await.expect("a database");
    assert!(done.is_unreachable && done.put_off == 1, "{done:?}");
    // It may have it: not once more at once.
    assert!(post.told().await["hanging"].is_array());
    assert_eq!(
        post.count("attempts = 1 AND last_error LIKE '%no answer in time%'")
            .await,
        1
    );
    post.be("accept").await;
    post.pass(MINUTE);
    assert_eq!(round(post).await.sent, 0);
    post.pass(7 * 60 * MINUTE);
    assert_eq!(round(post).await.sent, 1);
    post.mail().await;
}

async fn a_mail_server_that_was_dead_gets_what_waited(post: &Post) {
    post.die().await;
    post.enqueue(&[invitation(), invitation()]).await;
    let done = round(post).await;
    assert!(done.is_unreachable && done.put_off == 2, "{done:?}");
    post.revive().await;
    assert_eq!(round(post).await, Round::default(), "not yet");
    post.pass(MINUTE);
    assert_eq!(round(post).await.sent, 2);
    let ids = [post.mail().await, post.mail().await];
    assert_ne!(ids[0].header("message-id"), ids[1].header("message-id"));
    post.expect_nothing().await;
}

async fn a_worker_that_died_leaves_its_mails_to_others(post: &Post) {
    post.be("hold").await;
    post.enqueue(&[invitation()]).await;
    let worker = post.worker().with_timeouts(10 * MINUTE);
    let first = {
        let sending = worker.round();
        tokio::pin!(sending);
        tokio::select! {
            first = post.mail() => first,
            round = &mut sending => panic!("nobody answered: {round:?}"),
        }
        // The worker is gone before the mail server says that it has taken the mail.
    };
    assert_eq!(round(post).await, Round::default(), "it may still be on its way");
    post.be("accept").await;
    post.pass(6 * MINUTE);
    assert_eq!(round(post).await.sent, 1);
    let second = post.mail().await;
    assert_eq!(second.header("message-id"), first.header("message-id"));
    post.pass(100 * MINUTE);
    assert_eq!(round(post).await, Round::default());
}

async fn a_mail_that_nobody_can_read_stands_in_nobodys_way(post: &Post) {
    post.enqueue(&[invitation(), invitation()]).await;
    post.store
        .execute("UPDATE outbox SET mail = '{\"kind\":\"song\"}' WHERE id IN (SELECT id FROM outbox LIMIT 1)")
        .await;
    let done = round(post).await;
    assert_eq!((done.sent, done.given_up), (1, 1));
    post.mail().await;
    post.expect_nothing().await;
}
