//! Rooms and their telephone access.

use chrono::{TimeDelta, Timelike as _};
use colloquy::{
    secrets::Secret,
    store::{
        Change, Window,
        rooms::{self, NewRoom, Room, RoomChange},
        tariffs::DEFAULT_TARIFF,
    },
};
use uuid::Uuid;

use super::{Store, at};

on_both_databases!(Store:
    a_room_is_stored_as_it_was_made, times_are_cut_to_microseconds, only_the_owner_sees_a_room,
    lists_are_windows_newest_first, changes_touch_only_what_they_name, deleting_takes_everything_along,
    telephone_access_ends_with_encryption, meetings_learn_their_facts, existing_rooms_are_told);

async fn create(store: &Store, owner: &str, change: impl FnOnce(&mut NewRoom)) -> Room {
    let owner = store.user(owner).await;
    let mut new = NewRoom {
        id: Uuid::new_v4(),
        tenant_id: owner.tenant_id,
        created_by: owner.profile.id,
        created_at: at(0),
        password: None,
        waiting_room: false,
        e2e_encryption: false,
        sip: false,
    };
    change(&mut new);
    rooms::create(&store.db, new).await.expect("a room")
}

async fn seen(store: &Store, user: Uuid, room: Uuid) -> Option<Room> {
    rooms::visible_to(&store.db, user, room).await.expect("a query")
}

async fn a_room_is_stored_as_it_was_made(store: &Store) {
    let room = create(store, "ada", |new| {
        new.password = Some(Secret::new("ünter"));
        new.waiting_room = true;
        new.e2e_encryption = true;
    })
    .await;
    assert_eq!(room.password, Some(Secret::new("ünter")));
    assert!(room.waiting_room && room.e2e_encryption);
    assert_eq!(
        (room.created_at, room.created_by.display_name.as_str()),
        (at(0), "ada")
    );
    assert_eq!(seen(store, room.created_by.id, room.id).await, Some(room));
}

async fn times_are_cut_to_microseconds(store: &Store) {
    let time = at(0) + TimeDelta::nanoseconds(1_234_567_899);
    let room = create(store, "ada", |new| new.created_at = time).await;
    assert_eq!(
        room.created_at,
        time.with_nanosecond(234_567_000).expect("a time")
    );
}

async fn only_the_owner_sees_a_room(store: &Store) {
    let room = create(store, "ada", |_| {}).await;
    let bob = store.user("bob").await;
    assert_eq!(seen(store, bob.profile.id, room.id).await, None);
    let window = Window { limit: 10, offset: 0 };
    assert_eq!(
        rooms::list(&store.db, bob.profile.id, window)
            .await
            .expect("a list")
            .total,
        0
    );
}

async fn lists_are_windows_newest_first(store: &Store) {
    let mut made = Vec::new();
    for second in [3, 1, 2, 2, 5] {
        made.push(create(store, "ada", |new| new.created_at = at(second)).await);
    }
    create(store, "bob", |_| {}).await;
    made.sort_by_key(|room| std::cmp::Reverse((room.created_at, room.id)));
    let owner = made[0].created_by.id;
    for (limit, offset, expected) in [
        (10, 0, &made[..]),
        (2, 0, &made[..2]),
        (2, 3, &made[3..]),
        (2, 9, &[]),
    ] {
        let listed = rooms::list(&store.db, owner, Window { limit, offset })
            .await
            .expect("a list");
        assert_eq!((listed.rows.as_slice(), listed.total), (expected, 5));
    }
}

async fn changes_touch_only_what_they_name(store: &Store) {
    let room = create(store, "ada", |new| new.password = Some(Secret::new("old"))).await;
    let changed =
        async |change: RoomChange| rooms::update(&store.db, room.id, change).await.expect("a query");
    let waiting = changed(RoomChange {
        waiting_room: Some(true),
        ..RoomChange::default()
    });
    let expected = Room {
        waiting_room: true,
        ..room.clone()
    };
    assert_eq!(waiting.await, Some(expected));
    let password = async |password: Change<Secret>| {
        let change = RoomChange {
            password,
            ..RoomChange::default()
        };
        changed(change).await.expect("a room").password
    };
    assert_eq!(password(Change::Keep).await, Some(Secret::new("old")));
    assert_eq!(
        password(Change::Set(Secret::new("new"))).await,
        Some(Secret::new("new"))
    );
    assert_eq!(password(Change::Clear).await, None);
    let nothing = rooms::update(&store.db, Uuid::new_v4(), RoomChange::default()).await;
    assert_eq!(nothing.expect("a query"), None);
}

async fn deleting_takes_everything_along(store: &Store) {
    let room = create(store, "ada", |new| new.sip = true).await;
    let other = create(store, "ada", |new| new.sip = true).await;
    assert_eq!(store.number("SELECT count(*) FROM sip_configs").await, 2);
    assert!(rooms::delete(&store.db, room.id).await.expect("a query"));
    assert!(!rooms::delete(&store.db, room.id).await.expect("a query"));
    assert_eq!(store.number("SELECT count(*) FROM sip_configs").await, 1);
    assert!(seen(store, other.created_by.id, other.id).await.is_some());
}

async fn telephone_access_ends_with_encryption(store: &Store) {
    let room = create(store, "ada", |new| new.sip = true).await;
    let sound = "SELECT count(*) FROM sip_configs WHERE length(sip_id) = 10 AND length(password) = 10";
    assert_eq!(store.number(sound).await, 1);
    let encrypted = |on| RoomChange {
        e2e_encryption: Some(on),
        ..RoomChange::default()
    };
    rooms::update(&store.db, room.id, encrypted(false))
        .await
        .expect("a room");
    assert_eq!(store.number(sound).await, 1);
    rooms::update(&store.db, room.id, encrypted(true))
        .await
        .expect("a room");
    assert_eq!(store.number(sound).await, 0);
}

async fn meetings_learn_their_facts(store: &Store) {
    let room = create(store, "ada", |new| new.waiting_room = true).await;
    let facts = rooms::meeting_facts(&store.db, room.id)
        .await
        .expect("a query")
        .expect("facts");
    assert_eq!(facts.tariff.id, DEFAULT_TARIFF);
    assert!(facts.tariff.quotas.is_empty() && facts.tariff.disabled_features.is_empty());
    assert_eq!(facts.room, room);
    assert_eq!(
        rooms::meeting_facts(&store.db, Uuid::new_v4())
            .await
            .expect("a query"),
        None
    );
}

async fn existing_rooms_are_told(store: &Store) {
    let room = create(store, "ada", |_| {}).await;
    let mut ids: Vec<Uuid> = std::iter::repeat_with(Uuid::new_v4).take(1_200).collect();
    ids.insert(1_100, room.id);
    assert_eq!(
        rooms::existing(&store.db, &ids).await.expect("a query"),
        [room.id]
    );
    assert!(rooms::existing(&store.db, &[]).await.expect("a query").is_empty());
}
