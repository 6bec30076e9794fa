//! A realm has another URL now: its people stay who they are.

use std::time::Duration;

use chrono::TimeDelta;
use colloquy::{
    clock::Clock,
    former_issuers::{TakenOver, take_over},
    identity::VerifiedToken,
    store::{
        TIME_MAX,
        job_leases::{self, Claim},
        users::{self, User, upsert_from_claims},
        void_sessions::{self, Ended, VoidSession},
    },
};
use uuid::Uuid;

use super::{Store, at, defaults, token};
use crate::jobs;

on_both_databases!(Store:
    people_come_along_and_have_one_row, the_older_row_lives_on_whichever_it_is, many_come_along_in_steps,
    services_and_ended_logins_come_along, services_of_an_issuer_whose_name_ends_in_a_slash, one_server_does_it);

const OLD: &str = "https://old.example/realms/a";
const NEW: &str = "https://new.example/realms/a";

fn clock() -> Clock {
    Clock::from_fn(|| at(1_000))
}

async fn taken_over(store: &Store, former: &[&str]) -> TakenOver {
    let former: Vec<_> = former.iter().copied().map(str::to_owned).collect();
    let done = take_over(&store.db, &clock(), &former, NEW).await.expect("a try");
    done.expect("the lease")
}

/// Somebody whom this issuer vouches for, who came so many seconds after the beginning.
async fn user(store: &Store, issuer: &str, subject: &str, seconds: i64) -> User {
    let token = VerifiedToken {
        issuer: issuer.to_owned(),
        ..token(subject)
    };
    let user = upsert_from_claims(&store.db, &token, &defaults(), at(seconds)).await;
    user.expect("a user")
}

async fn now_called(store: &Store, subject: &str) -> Option<User> {
    users::by_identity(&store.db, NEW, subject)
        .await
        .expect("a query")
}

async fn people_come_along_and_have_one_row(store: &Store) {
    let ada = user(store, OLD, "ada", 0).await;
    let bob = user(store, OLD, "bob", 0).await;
    let other = user(store, "https://other.example", "ada", 0).await;
    let carl = user(store, NEW, "carl", 0).await;
    // Bob has logged in since the move.
    let again = user(store, NEW, "bob", 50).await;
    let room = jobs::room(store, &again, at(60)).await;
    let before = jobs::room(store, &bob, at(0)).await;

    let done = taken_over(store, &["https://old.example/realms/a/"]).await;
    assert_eq!((done.moved, done.merged), (1, 1));
    assert_eq!(
        now_called(store, "ada").await.map(|user| user.profile.id),
        Some(ada.profile.id)
    );
    assert_eq!(
        now_called(store, "carl").await.map(|user| user.profile.id),
        Some(carl.profile.id)
    );
    let merged = now_called(store, "bob").await.expect("bob");
    assert_eq!(merged.profile.id, bob.profile.id, "the older row");
    for room in [room, before] {
        let sql = format!(
            "SELECT count(*) FROM rooms WHERE id = {} AND created_by = {}",
            store.literal(room),
            store.literal(bob.profile.id)
        );
        assert_eq!(store.number(&sql).await, 1);
    }
    let foreign = users::by_id(&store.db, other.profile.id).await.expect("a query");
    assert_eq!(
        foreign.map(|user| user.issuer).as_deref(),
        Some("https://other.example")
    );
    assert_eq!(store.number("SELECT count(*) FROM users").await, 4);
    assert_eq!(
        taken_over(store, &[OLD]).await,
        TakenOver::default(),
        "once is enough"
    );
}

async fn the_older_row_lives_on_whichever_it_is(store: &Store) {
    // The realm has moved away and back.
    let first = user(store, NEW, "ada", 0).await;
    user(store, OLD, "ada", 50).await;
    user(store, "https://older.example", "ada", 60).await;
    let done = taken_over(store, &[OLD, "https://older.example"]).await;
    assert_eq!((done.moved, done.merged), (0, 2));
    assert_eq!(
        now_called(store, "ada").await.map(|user| user.profile.id),
        Some(first.profile.id)
    );
    // Two former names, and nobody under the present one yet.
    let second = user(store, OLD, "bob", 50).await;
    user(store, "https://older.example", "bob", 60).await;
    let done = taken_over(store, &[OLD, "https://older.example"]).await;
    assert_eq!((done.moved, done.merged), (1, 1));
    assert_eq!(
        now_called(store, "bob").await.map(|user| user.profile.id),
        Some(second.profile.id)
    );
}

async fn many_come_along_in_steps(store: &Store) {
    const MANY: u64 = 1_250;
    user(store, OLD, "ada", 0).await;
    let id = match store.settings.url {
        Some(_) => "gen_random_uuid()",
        None => "randomblob(16)",
    };
    store
        .execute(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
             INSERT INTO users (id, issuer, subject, tenant_id, tariff_id, tariff_status, email, title, firstname,
                 lastname, display_name, display_name_chosen, language, language_chosen, dashboard_theme,
                 conference_theme, used_storage, search_text, created_at, updated_at)
             SELECT {id}, issuer, 'many-' || n, tenant_id, tariff_id, tariff_status, email, title, firstname,
                 lastname, display_name, display_name_chosen, language, language_chosen, dashboard_theme,
                 conference_theme, used_storage, search_text, created_at, updated_at
             FROM users, numbers"
        ))
        .await;
    assert_eq!(taken_over(store, &[OLD]).await.moved, MANY + 1);
    let left = store
        .number(&format!("SELECT count(*) FROM users WHERE issuer = '{OLD}'"))
        .await;
    assert_eq!(left, 0);
}

async fn services_and_ended_logins_come_along(store: &Store) {
    let insert = |issuer: &str, subject: &str| {
        format!(
            "INSERT INTO disabled_subjects (issuer, subject, at)
             VALUES ('{issuer}', '{subject}', '2027-01-15T08:00:00+00:00')"
        )
    };
    for (issuer, subject) in [(OLD, "gateway"), (OLD, "recorder"), (NEW, "recorder")] {
        store.execute(&insert(issuer, subject)).await;
    }
    let void = VoidSession {
        issuer: OLD.to_owned(),
        client: "Frontend".to_owned(),
        ended: Ended::Session("s".to_owned()),
        iat: 5,
        at: at(0),
    };
    void_sessions::insert(&store.db, vec![void.clone()])
        .await
        .expect("stored");
    let done = taken_over(store, &[OLD]).await;
    assert_eq!((done.services, done.logins), (2, 1));
    let names = format!("SELECT count(*) FROM disabled_subjects WHERE issuer = '{NEW}'");
    assert_eq!(store.number(&names).await, 2);
    assert_eq!(store.number("SELECT count(*) FROM disabled_subjects").await, 2);
    let logins = void_sessions::since(&store.db, at(0)).await.expect("a query");
    let expected = VoidSession {
        issuer: NEW.to_owned(),
        ..void
    };
    assert_eq!(logins, [expected]);
}

async fn services_of_an_issuer_whose_name_ends_in_a_slash(store: &Store) {
    let insert = format!(
        "INSERT INTO disabled_subjects (issuer, subject, at) VALUES ('{OLD}', 'gateway', '2027-01-15T08:00:00+00:00')"
    );
    store.execute(&insert).await;
    let slashed = |issuer: &str| format!("{issuer}/");
    // Whoever vouches for services is known without the slash: by the server, and by `users enable`.
    for (former, present) in [(OLD, slashed(NEW)), (NEW, slashed(NEW))] {
        let done = take_over(&store.db, &clock(), &[slashed(former)], &present).await;
        done.expect("a try").expect("the lease");
        let kept = format!("SELECT count(*) FROM disabled_subjects WHERE issuer = '{NEW}'");
        assert_eq!(store.number(&kept).await, 1);
    }
}

async fn one_server_does_it(store: &Store) {
    user(store, OLD, "ada", 0).await;
    let claim = Claim {
        job: "former_issuers",
        holder: Uuid::new_v4(),
    };
    let lease = Duration::from_mins(1);
    assert!(
        job_leases::take(&store.db, claim, at(1_000), lease, TIME_MAX)
            .await
            .expect("a try")
    );
    let former = [OLD.to_owned()];
    let tried = take_over(&store.db, &clock(), &former, NEW).await;
    assert_eq!(tried.expect("a try"), None);
    assert_eq!(now_called(store, "ada").await, None);
    // It has died.
    let later = Clock::from_fn(move || at(1_000) + TimeDelta::minutes(2));
    let done = take_over(&store.db, &later, &former, NEW).await.expect("a try");
    assert_eq!(done.map(|done| done.moved), Some(1));
}
