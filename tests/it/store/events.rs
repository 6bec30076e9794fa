//! Events, their exceptions, and how users see them.

use chrono::TimeDelta;
use colloquy::{
    permissions::Standing,
    secrets::Secret,
    store::{
        StoreError,
        events::{
            self, Cursor, Delay, Event, Exception, Filter, InviteRole, InviteStatus, SeenEvent, Status,
            Times, TrainingReport, ZonedTime,
            exceptions::{self, Difference},
        },
        invites::Editor,
        rooms,
        users::User,
    },
};
use colloquy_calendar::{recurrence::Recurrence, zones::Zone};
use uuid::Uuid;

use super::{Store, at};

on_both_databases!(Store:
    an_event_is_stored_as_it_was_made, creators_and_invited_see_it, a_change_raises_the_revision,
    exceptions_are_stored_once, series_end_with_their_last_occurrence, an_event_takes_everything_along_but_its_room,
    lists_go_on_behind_a_cursor, lists_are_filtered);

pub fn hour(starts_at: i64) -> Times {
    Times {
        is_all_day: false,
        starts_at: ZonedTime {
            at: at(starts_at),
            zone: "Europe/Berlin".parse().expect("a zone"),
        },
        ends_at: ZonedTime {
            at: at(starts_at + 3600),
            zone: Zone::UTC,
        },
        skipped_start: None,
    }
}

async fn seen(store: &Store, user: &User, event: Uuid) -> Option<SeenEvent> {
    events::visible_to(&store.db, user.profile.id, event)
        .await
        .expect("a query")
}

async fn locked(store: &Store, user: &User, event: Uuid) -> Event {
    let user = user.profile.id;
    let found = store
        .db
        .transaction(move |tx| Box::pin(events::locked(tx, user, event)))
        .await;
    found.expect("a query").expect("an event").event
}

pub fn editor(user: &User, seconds: i64) -> Editor {
    Editor {
        user: user.profile.id,
        at: at(seconds),
    }
}

async fn put(store: &Store, event: Uuid, original: i64, difference: Difference, editor: Editor) {
    let put = store.db.transaction(move |tx| {
        Box::pin(async move { exceptions::put(tx, event, at(original), &difference, editor).await })
    });
    put.await.expect("an exception");
}

async fn exceptions_of(store: &Store, event: Uuid) -> Vec<Exception> {
    exceptions::of_events(&store.db, &[event, Uuid::nil()])
        .await
        .expect("a query")
}

async fn an_event_is_stored_as_it_was_made(store: &Store) {
    let ada = store.user("ada").await;
    let report = TrainingReport {
        initial_checkpoint_delay: Delay { after: 1, within: 2 },
        checkpoint_interval: Delay { after: 3, within: 4 },
    };
    let event = store
        .event(&ada, |new| {
            "Überblick".clone_into(&mut new.title);
            "Zeile\nZeile".clone_into(&mut new.description);
            new.is_adhoc = true;
            new.times = Some(hour(60));
            let lines = ["RRULE:FREQ=DAILY", "EXDATE:20270115T080000Z"];
            new.recurrence = Recurrence::parse(&lines).expect("a pattern");
            new.show_meeting_details = true;
            new.training_report = Some(report);
        })
        .await;
    assert_eq!(
        (event.title.as_str(), event.description.as_str()),
        ("Überblick", "Zeile\nZeile")
    );
    assert!(event.is_adhoc && event.show_meeting_details);
    assert_eq!(
        (event.times, event.training_report),
        (Some(hour(60)), Some(report))
    );
    assert_eq!(
        event.recurrence.lines(),
        ["RRULE:FREQ=DAILY", "EXDATE:20270115T080000Z"]
    );
    assert_eq!((event.series_ends_at, event.revision), (None, 0));
    assert_eq!(
        (&event.created_by, &event.updated_by),
        (&ada.profile, &ada.profile)
    );
    assert_eq!((event.created_at, event.updated_at), (at(0), at(0)));
    let of_room = events::of_room(&store.db, event.room_id).await.expect("a query");
    assert_eq!(of_room.as_ref(), Some(&event));
    assert_eq!(
        events::of_room(&store.db, Uuid::nil()).await.expect("a query"),
        None
    );
}

async fn creators_and_invited_see_it(store: &Store) {
    let (ada, bob, eve) = (
        store.user("ada").await,
        store.user("bob").await,
        store.user("eve").await,
    );
    let event = store.event(&ada, |_| {}).await;
    store
        .invite(&event, &bob, InviteRole::Moderator, InviteStatus::Tentative)
        .await;
    store.favorite(&event, &bob).await;
    let by_ada = seen(store, &ada, event.id).await.expect("her own");
    assert_eq!(
        (by_ada.invite_status, by_ada.standing),
        (InviteStatus::Accepted, Standing::Owner)
    );
    assert!(by_ada.can_edit() && !by_ada.is_favorite);
    let by_bob = seen(store, &bob, event.id).await.expect("he is invited");
    assert_eq!(by_bob.invite_status, InviteStatus::Tentative);
    assert_eq!(by_bob.standing, Standing::Moderator);
    assert!(!by_bob.can_edit() && by_bob.is_favorite && by_bob.folder.is_none());
    assert_eq!(by_bob.room.password, Some(Secret::new("geheim")));
    assert!(by_bob.room.sip.is_some_and(|sip| sip.id.len() == 10));
    assert_eq!(by_bob.event, event);
    assert_eq!(seen(store, &eve, event.id).await, None);
    assert_eq!(seen(store, &ada, Uuid::nil()).await, None);
}

async fn a_change_raises_the_revision(store: &Store) {
    let (ada, bob) = (store.user("ada").await, store.user("bob").await);
    let mut event = store.event(&ada, |new| new.times = Some(hour(0))).await;
    "new".clone_into(&mut event.title);
    event.times = None;
    event.series_ends_at = None;
    let (id, changed, by) = (event.id, event.clone(), editor(&bob, 5));
    let saved = store.db.transaction(move |tx| {
        Box::pin(async move {
            events::save(tx, &changed, by).await?;
            events::raise_revision(tx, id).await
        })
    });
    saved.await.expect("a change");
    let expected = Event {
        updated_by: bob.profile.clone(),
        updated_at: at(5),
        revision: 2,
        ..event
    };
    assert_eq!(locked(store, &ada, id).await, expected);
}

async fn exceptions_are_stored_once(store: &Store) {
    let (ada, bob) = (store.user("ada").await, store.user("bob").await);
    let event = store.event(&ada, |new| new.times = Some(hour(0))).await;
    let moved = Difference {
        title: Some("moved".to_owned()),
        starts_at: Some(hour(50).starts_at),
        ..Difference::default()
    };
    put(store, event.id, 0, moved, editor(&ada, 1)).await;
    let cancelled = Difference {
        status: Status::Cancelled,
        is_all_day: Some(false),
        ends_at: Some(hour(9).ends_at),
        description: Some(String::new()),
        ..Difference::default()
    };
    put(store, event.id, -60, Difference::default(), editor(&ada, 2)).await;
    put(store, event.id, 0, cancelled.clone(), editor(&bob, 3)).await;
    let found = exceptions_of(store, event.id).await;
    let places: Vec<_> = found.iter().map(|one| one.original_starts_at).collect();
    assert_eq!(places, [at(-60), at(0)]);
    assert_eq!(found[0].difference(), Difference::default());
    assert_eq!(found[1].difference(), cancelled);
    assert_eq!((found[1].created_at, found[1].updated_at), (at(1), at(3)));
    assert_eq!(
        (&found[1].created_by, &found[1].updated_by),
        (&ada.profile, &bob.profile)
    );
    let id = event.id;
    let removed = store.db.transaction(move |tx| {
        Box::pin(async move {
            assert_eq!(exceptions::number(tx, id).await?, 2);
            assert_eq!(exceptions::of_event(tx, id).await?, found);
            exceptions::remove_all(tx, id).await
        })
    });
    removed.await.expect("a removal");
    assert_eq!(exceptions_of(store, event.id).await, []);
}

async fn series_end_with_their_last_occurrence(store: &Store) {
    let ada = store.user("ada").await;
    let event = store.event(&ada, |new| new.times = Some(hour(0))).await;
    let end = async |last: Option<i64>| {
        let (id, last) = (event.id, last.map(at));
        let set = store
            .db
            .transaction(move |tx| Box::pin(events::set_series_end(tx, id, last)));
        set.await.expect("a change");
        locked(store, &ada, id).await.series_ends_at
    };
    assert_eq!(end(Some(100)).await, Some(at(100)));
    let late = Difference {
        ends_at: Some(hour(5000).ends_at),
        ..Difference::default()
    };
    put(store, event.id, 0, late.clone(), editor(&ada, 1)).await;
    assert_eq!(end(Some(100)).await, Some(at(8600)));
    assert_eq!(end(Some(9000)).await, Some(at(9000)));
    assert_eq!(end(None).await, None);
    let cancelled = Difference {
        status: Status::Cancelled,
        ..late
    };
    put(store, event.id, 0, cancelled, editor(&ada, 1)).await;
    assert_eq!(end(Some(100)).await, Some(at(100)));
}

async fn an_event_takes_everything_along_but_its_room(store: &Store) {
    let (ada, bob) = (store.user("ada").await, store.user("bob").await);
    let event = store.event(&ada, |new| new.times = Some(hour(0))).await;
    store
        .invite(&event, &bob, InviteRole::User, InviteStatus::Pending)
        .await;
    store.favorite(&event, &ada).await;
    put(store, event.id, 0, Difference::default(), editor(&ada, 1)).await;
    let refused = store.remove_room(event.room_id).await;
    assert!(matches!(refused, Err(StoreError::Referenced(_))), "{refused:?}");
    let (id, room) = (event.id, event.room_id);
    let deleted = store.db.transaction(move |tx| {
        Box::pin(async move {
            assert!(events::delete(tx, id).await?);
            assert!(!events::delete(tx, id).await?);
            rooms::remove(tx, room).await
        })
    });
    assert_eq!(deleted.await.expect("a deletion"), Some(Vec::new()));
    for table in [
        "events",
        "event_exceptions",
        "event_invites",
        "event_favorites",
        "rooms",
    ] {
        assert_eq!(
            store.number(&format!("SELECT count(*) FROM {table}")).await,
            0,
            "{table}"
        );
    }
}

async fn titles(store: &Store, user: &User, filter: &Filter) -> Vec<String> {
    let listed = events::list(&store.db, user.profile.id, filter, None, 100).await;
    listed
        .expect("a list")
        .into_iter()
        .map(|seen| seen.event.title)
        .collect()
}

async fn lists_go_on_behind_a_cursor(store: &Store) {
    let ada = store.user("ada").await;
    for (title, starts_at, made) in [
        ("e", Some(20), 0),
        ("d", Some(10), 2),
        ("c", Some(10), 1),
        ("b", None, 9),
        ("a", None, 8),
    ] {
        store
            .event(&ada, |new| {
                title.clone_into(&mut new.title);
                new.times = starts_at.map(hour);
                new.created_at = at(made) + TimeDelta::milliseconds(500);
            })
            .await;
    }
    let all = Filter::default();
    assert_eq!(titles(store, &ada, &all).await, ["a", "b", "c", "d", "e"]);
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = events::list(&store.db, ada.profile.id, &all, after, 1)
            .await
            .expect("a list");
        let Some(seen) = page.first() else { break };
        walked.push(seen.event.title.clone());
        after = Some(Cursor::of(seen));
    }
    assert_eq!(walked, ["a", "b", "c", "d", "e"]);
}

#[expect(clippy::too_many_lines, reason = "every filter on the same events")]
async fn lists_are_filtered(store: &Store) {
    let (ada, bob) = (store.user("ada").await, store.user("bob").await);
    let named = |title: &'static str| move |new: &mut events::NewEvent| title.clone_into(&mut new.title);
    let timeless = store.event(&ada, named("timeless")).await;
    let single = store
        .event(&ada, |new| {
            named("single")(new);
            new.times = Some(hour(0));
            new.series_ends_at = Some(at(3600));
            new.is_adhoc = true;
            new.created_at = at(10);
        })
        .await;
    store
        .event(&ada, |new| {
            named("endless")(new);
            new.times = Some(hour(60));
            new.recurrence = Recurrence::parse(&["RRULE:FREQ=DAILY"]).expect("a pattern");
            new.created_at = at(20);
        })
        .await;
    store.favorite(&single, &ada).await;
    store
        .invite(&timeless, &bob, InviteRole::User, InviteStatus::Pending)
        .await;
    store
        .invite(&single, &bob, InviteRole::User, InviteStatus::Declined)
        .await;
    let filter = Filter::default;
    for (filter, expected) in [
        (filter(), &["timeless", "single", "endless"][..]),
        (
            Filter {
                time_min: Some(at(3599)),
                ..filter()
            },
            &["single", "endless"],
        ),
        (
            Filter {
                time_min: Some(at(3600)),
                ..filter()
            },
            &["endless"],
        ),
        (
            Filter {
                time_max: Some(at(60)),
                ..filter()
            },
            &["single"],
        ),
        (
            Filter {
                time_max: Some(at(61)),
                ..filter()
            },
            &["single", "endless"],
        ),
        (
            Filter {
                created_before: Some(at(10)),
                ..filter()
            },
            &["timeless"],
        ),
        (
            Filter {
                created_after: Some(at(10)),
                ..filter()
            },
            &["endless"],
        ),
        (
            Filter {
                favorites_only: true,
                ..filter()
            },
            &["single"],
        ),
        (
            Filter {
                adhoc: Some(true),
                ..filter()
            },
            &["single"],
        ),
        (
            Filter {
                adhoc: Some(false),
                ..filter()
            },
            &["timeless", "endless"],
        ),
        (
            Filter {
                time_independent: Some(true),
                ..filter()
            },
            &["timeless"],
        ),
        (
            Filter {
                time_independent: Some(false),
                ..filter()
            },
            &["single", "endless"],
        ),
        (
            Filter {
                invite_statuses: vec![InviteStatus::Pending],
                ..filter()
            },
            &[],
        ),
    ] {
        assert_eq!(titles(store, &ada, &filter).await, expected, "{filter:?}");
    }
    let answered = |statuses: &[InviteStatus]| Filter {
        invite_statuses: statuses.to_vec(),
        ..Filter::default()
    };
    assert_eq!(titles(store, &bob, &answered(&[])).await, ["timeless", "single"]);
    assert_eq!(
        titles(store, &bob, &answered(&[InviteStatus::Declined])).await,
        ["single"]
    );
    let both = [InviteStatus::Declined, InviteStatus::Pending];
    assert_eq!(
        titles(store, &bob, &answered(&both)).await,
        ["timeless", "single"]
    );
}
