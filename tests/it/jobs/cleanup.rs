//! What each job deletes, and what it leaves.

use std::convert::Infallible;

use bytes::Bytes;
use chrono::TimeDelta;
use colloquy::{
    assets::{NewAsset, ObjectError, Wish},
    config::Quotas,
    deletion::{Journals, Meetings},
    jobs::{self, Job},
    quotas::Quota,
    store::{
        StoreError,
        invites::{self, Editor},
        outbox, rooms,
        usage::{self, Counter},
        users::{self, Identity, Merge},
        void_sessions::{self, Ended, VoidSession},
        vote_minutes::{self, VoteMinutes},
    },
};
use futures_util::stream;
use serde_json::json;
use uuid::Uuid;

use super::{Plan, assets, days_ago, ended, event, invite, now, room, rows, run, tools_at};
use crate::{mail, store::Store};

on_both_databases!(Store:
    events_go_when_their_last_occurrence_is_over,
    adhoc_events_go_soon,
    dead_invites_go,
    unused_rooms_go,
    rooms_in_which_people_meet_stay,
    contents_without_assets_go,
    disabled_users_go_and_others_keep_what_is_theirs,
    mails_that_are_done_go,
    counters_of_days_gone_by_go,
    ended_logins_go_when_their_tokens_have_expired,
    minutes_of_old_votes_go,
);

fn sorted(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.sort();
    ids
}

async fn events_go_when_their_last_occurrence_is_over(store: &Store) {
    let ada = store.user("ada").await;
    let series = |series| Plan {
        series: Some(series),
        ..ended(days_ago(100))
    };
    let gone = sorted(vec![
        event(store, &ada, ended(days_ago(31))).await,
        event(store, &ada, series(Some(days_ago(40)))).await,
    ]);
    event(store, &ada, ended(days_ago(29))).await;
    event(store, &ada, series(Some(days_ago(3)))).await;
    event(store, &ada, series(None)).await;
    event(
        store,
        &ada,
        Plan {
            ends_at: None,
            ..ended(now())
        },
    )
    .await;
    let report = run(store, Job::EventCleanup, &json!({"days": 30})).await;
    assert_eq!((report.deleted, report.kept, report.examples), (2, 0, gone));
    let left = rows(store).await;
    assert_eq!(left[..2], [4, 4], "their rooms go with them");
}

async fn adhoc_events_go_soon(store: &Store) {
    let ada = store.user("ada").await;
    let adhoc = |days, ends_at| Plan {
        created_at: days_ago(days),
        ends_at,
        is_adhoc: true,
        series: None,
    };
    let gone = sorted(vec![
        event(store, &ada, adhoc(2, None)).await,
        event(store, &ada, adhoc(3, Some(days_ago(2)))).await,
    ]);
    event(store, &ada, adhoc(0, None)).await;
    // Made long ago, and not over yet.
    event(store, &ada, adhoc(9, Some(now()))).await;
    event(store, &ada, ended(days_ago(50))).await;
    let report = run(store, Job::AdhocEventCleanup, &json!({})).await;
    assert_eq!((report.deleted, report.examples), (2, gone));
    assert_eq!(rows(store).await[..2], [3, 3]);
}

async fn dead_invites_go(store: &Store) {
    let ada = store.user("ada").await;
    let room = room(store, &ada, days_ago(100)).await;
    let gone = sorted(vec![
        invite(store, room, &ada, Some(days_ago(91))).await,
        invite(store, room, &ada, None).await,
    ]);
    let deactivate = |code, days| {
        let editor = Editor {
            user: ada.profile.id,
            at: days_ago(days),
        };
        invites::deactivate(&store.db, room, code, editor)
    };
    for invite in &gone {
        deactivate(*invite, 95).await.expect("a query");
    }
    let late = invite(store, room, &ada, None).await;
    deactivate(late, 80).await.expect("a query");
    invite(store, room, &ada, Some(days_ago(89))).await;
    invite(store, room, &ada, Some(now() + TimeDelta::days(1))).await;
    invite(store, room, &ada, None).await;
    let report = run(store, Job::InviteCleanup, &json!({"days": 90})).await;
    assert_eq!((report.deleted, report.kept, report.examples), (2, 0, gone));
    assert_eq!(rows(store).await[2], 4);
}

async fn unused_rooms_go(store: &Store) {
    let ada = store.user("ada").await;
    let gone = room(store, &ada, days_ago(50)).await;
    let used = room(store, &ada, days_ago(50)).await;
    room(store, &ada, days_ago(3)).await;
    event(store, &ada, ended(days_ago(100))).await;
    let recorded = room(store, &ada, days_ago(50)).await;
    // Whoever begins a meeting uses the room; once a day is enough to know.
    assert!(
        rooms::mark_used(&store.db, used, days_ago(2))
            .await
            .expect("a query")
    );
    assert!(
        !rooms::mark_used(&store.db, used, days_ago(1) - TimeDelta::hours(1))
            .await
            .expect("a query")
    );
    let recording = content(store, recorded).await;
    let report = run(store, Job::RoomCleanup, &json!({"days": 30})).await;
    assert_eq!((report.deleted, report.kept, report.examples), (1, 0, vec![gone]));
    assert_eq!(rows(store).await[1], 4);
    let report = run(store, Job::RoomCleanup, &json!({"days": 30, "with_assets": true})).await;
    assert_eq!((report.deleted, report.examples), (1, vec![recorded]));
    let left = assets(store).read(recording, None).await;
    assert!(matches!(left, Err(ObjectError::Missing)), "the content goes too");
}

/// A command knows the meetings of a server by their journals.
async fn rooms_in_which_people_meet_stay(store: &Store) {
    let ada = store.user("ada").await;
    let meeting = room(store, &ada, days_ago(50)).await;
    let gone = room(store, &ada, days_ago(50)).await;
    let folder = store.folder.path().join("journal");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (room, modified) in [(meeting, 0), (gone, 3_600)] {
        let file = std::fs::File::create(folder.join(format!("{room}.log"))).expect("a journal");
        let modified = std::time::SystemTime::now() - std::time::Duration::from_secs(modified);
        file.set_modified(modified).expect("a time");
    }
    let mut tools = tools_at(store, now());
    tools.deleter.meetings = Meetings::Beside(Journals {
        folder,
        age_max: std::time::Duration::from_mins(10),
    });
    let parameters = Job::RoomCleanup.parameters("{\"days\": 30}").expect("parameters");
    let report = jobs::run(&tools, Job::RoomCleanup, parameters, false)
        .await
        .expect("a run");
    assert_eq!((report.deleted, report.kept, report.examples), (1, 1, vec![gone]));
}

/// An asset of this room, with its content.
async fn content(store: &Store, room: Uuid) -> Uuid {
    let new = NewAsset {
        id: Uuid::new_v4(),
        room,
        created_at: days_ago(40),
        namespace: "core".to_owned(),
        kind: "recording".to_owned(),
        filename: "recording.mkv".to_owned(),
    };
    let bytes = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"moving pictures"))]);
    let assets = assets(store);
    let wish = Wish {
        user: Uuid::nil(),
        uploads_max: None,
        owner: Uuid::nil(),
        used_storage: 0,
        max_storage: None,
        announced: None,
        quotas: Quotas::NONE,
    };
    let upload = assets.begin(wish).await.expect("a place");
    assets.store(upload, new, bytes).await.expect("an asset").id
}

async fn contents_without_assets_go(store: &Store) {
    let ada = store.user("ada").await;
    let room = room(store, &ada, now()).await;
    let [lost, kept] = [content(store, room).await, content(store, room).await];
    store
        .execute("DELETE FROM assets WHERE id IN (SELECT id FROM assets LIMIT 1)")
        .await;
    let rows = store.number("SELECT count(*) FROM assets").await;
    let report = run(store, Job::OrphanedAssets, &json!({})).await;
    assert_eq!((rows, report.deleted, report.kept), (1, 1, 0));
    let gone = report.examples[0];
    let other = if gone == lost { kept } else { lost };
    assert!([lost, kept].contains(&gone));
    assert!(assets(store).read(other, None).await.is_ok());
    assert!(matches!(
        assets(store).read(gone, None).await,
        Err(ObjectError::Missing)
    ));
}

async fn disabled_users_go_and_others_keep_what_is_theirs(store: &Store) {
    let [ada, bob, eve, mallory] = ["ada", "bob", "eve", "mallory"].map(|name| store.user(name));
    let (ada, bob, eve, mallory) = (ada.await, bob.await, eve.await, mallory.await);
    for (user, days) in [(&eve, 31), (&mallory, 29)] {
        let since = days_ago(days).to_rfc3339();
        let name = &user.profile.display_name;
        store
            .execute(&format!(
                "UPDATE users SET disabled_at = '{since}' WHERE display_name = '{name}'"
            ))
            .await;
    }
    // Eve's own, and what she did in Ada's.
    event(store, &eve, ended(now() + TimeDelta::days(9))).await;
    let own_room = room(store, &eve, now()).await;
    invite(store, own_room, &bob, None).await;
    let event_of_ada = event(store, &ada, ended(now())).await;
    let room_of_ada = room(store, &ada, now()).await;
    let code = invite(store, room_of_ada, &eve, None).await;
    let (ids, tenant) = ([eve.profile.id, bob.profile.id], ada.tenant_id);
    store
        .execute("UPDATE events SET updated_by = (SELECT id FROM users WHERE display_name = 'eve') WHERE title = 'Planning'")
        .await;
    for (id, invitee) in ids.iter().enumerate() {
        let text = |id: Uuid| match store.settings.url {
            Some(_) => format!("'{id}'"),
            None => format!("X'{}'", id.simple()),
        };
        store
            .execute(&format!(
                "INSERT INTO event_invites (id, event_id, user_id, role, status, created_by, created_at, updated_at)
                 VALUES ({}, {}, {}, 'user', 'pending', {}, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')",
                text(Uuid::from_u128(id as u128 + 1)),
                text(event_of_ada),
                text(*invitee),
                text(eve.profile.id),
            ))
            .await;
    }
    let report = run(store, Job::UserCleanup, &json!({"days": 30})).await;
    assert_eq!(
        (report.deleted, report.kept, report.examples),
        (1, 0, vec![eve.profile.id])
    );
    // Events, rooms, invites, users.
    assert_eq!(rows(store).await[..4], [1, 2, 1, 3]);
    let kept = invites::get(&store.db, room_of_ada, code)
        .await
        .expect("a query")
        .expect("the invite");
    assert_eq!(
        (kept.created_by.id, kept.updated_by.id),
        (ada.profile.id, ada.profile.id)
    );
    let event = colloquy::store::events::visible_to(&store.db, bob.profile.id, event_of_ada).await;
    let event = event.expect("a query").expect("Bob is still invited").event;
    assert_eq!((event.updated_by.id, event.tenant_id), (ada.profile.id, tenant));
}

async fn mails_that_are_done_go(store: &Store) {
    let queued: Result<(), StoreError> = store
        .db
        .transaction(|tx| {
            Box::pin(async move {
                let mails = vec![mail::invitation(); 1201];
                outbox::insert(tx, &mail::due(&mails, days_ago(60)), None, days_ago(60)).await
            })
        })
        .await;
    queued.expect("a transaction");
    let (old, young) = (days_ago(31).to_rfc3339(), days_ago(29).to_rfc3339());
    store
        .execute(&format!(
            "UPDATE outbox SET sent_at = '{old}' WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 1100)"
        ))
        .await;
    for (column, time) in [("failed_at", &old), ("failed_at", &young), ("sent_at", &young)] {
        store
            .execute(&format!(
                "UPDATE outbox SET {column} = '{time}' WHERE id IN
                 (SELECT id FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL ORDER BY id LIMIT 1)"
            ))
            .await;
    }
    assert_eq!(store.number("SELECT count(*) FROM outbox_entries").await, 1);
    let report = run(store, Job::OutboxCleanup, &json!({"days": 30})).await;
    assert_eq!(report.deleted, 1101);
    // What the mails that are left tell stays.
    assert_eq!(store.number("SELECT count(*) FROM outbox_entries").await, 1);
    assert_eq!(store.number("SELECT count(*) FROM outbox").await, 100);
    assert_eq!(
        store
            .number("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND failed_at IS NULL")
            .await,
        98
    );
}

async fn counters_of_days_gone_by_go(store: &Store) {
    let counter = Counter::of_id(Uuid::new_v4(), Quota::MailsPerDay);
    for day in [now(), days_ago(1), days_ago(7), days_ago(9)] {
        let counter = counter.clone();
        let raised = store.db.transaction(move |tx| {
            Box::pin(async move { usage::raise_up_to(tx, &counter, 1, None, day).await })
        });
        assert_eq!(raised.await.expect("a transaction"), 1);
    }
    assert_eq!(run(store, Job::CounterCleanup, &json!({})).await.deleted, 2);
    // What is counted today still limits, whatever is asked for.
    assert_eq!(
        run(store, Job::CounterCleanup, &json!({"days": 0})).await.deleted,
        1
    );
    assert_eq!(usage::used(&store.db, &counter, now()).await.expect("a query"), 1);
}

async fn ended_logins_go_when_their_tokens_have_expired(store: &Store) {
    let void = |session: &str, hours: i64| VoidSession {
        issuer: "https://issuer.example".to_owned(),
        client: "Frontend".to_owned(),
        ended: Ended::Session(session.to_owned()),
        iat: 0,
        at: now() - TimeDelta::hours(hours),
    };
    let many = (0..1_100).map(|number| void(&format!("old {number}"), 25));
    let voids = many.chain([void("young", 23)]).collect();
    void_sessions::insert(&store.db, voids).await.expect("stored");
    for (old, new, days) in [("a", "b", 2), ("c", "d", 0)] {
        let (old, new) = (store.user(old).await, store.user(new).await);
        let merge = Merge {
            kept: old.profile.id,
            gone: new.profile.id,
            identity: Identity::OfGone,
        };
        users::merge(&store.db, merge, days_ago(days))
            .await
            .expect("a merge");
    }
    let done = run(store, Job::LoginCleanup, &json!({})).await;
    assert_eq!(done.deleted, 1_101);
    let left = void_sessions::since(&store.db, days_ago(3))
        .await
        .expect("a query");
    assert_eq!(left, [void("young", 23)]);
    assert_eq!(store.number("SELECT count(*) FROM merged_users").await, 1);
}

async fn minutes_of_old_votes_go(store: &Store) {
    let ada = store.user("ada").await;
    let room = room(store, &ada, now()).await;
    let ends = [days_ago(400), days_ago(366), days_ago(364), now()];
    for ended_at in ends {
        let minutes = VoteMinutes {
            vote: Uuid::new_v4(),
            room,
            initiator: Some(ada.profile.id),
            ended_at,
            text: "{}".to_owned(),
        };
        vote_minutes::keep(&store.db, minutes, 1_000)
            .await
            .expect("stored");
    }
    assert_eq!(run(store, Job::VoteMinutesCleanup, &json!({})).await.deleted, 2);
    let left = "SELECT count(*) FROM vote_minutes";
    assert_eq!(store.number(left).await, 2);
    let young = run(store, Job::VoteMinutesCleanup, &json!({"days": 30})).await;
    assert_eq!((young.deleted, store.number(left).await), (1, 1));
}
