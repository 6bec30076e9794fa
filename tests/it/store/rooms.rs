//! Rooms and their telephone access.

use chrono::{TimeDelta, Timelike as _};
use colloquy::{
    config::Quotas,
    permissions::{Operation, Standing, Subject, check},
    secrets::Secret,
    store::{
        Change, Window,
        guest_access::GuestAccess,
        relations,
        rooms::{self, NewRoom, Room, RoomChange},
        tariffs::DEFAULT_TARIFF,
    },
};
use uuid::Uuid;

use super::{Store, at, token};
use crate::support::planted;

on_both_databases!(Store:
    a_room_is_stored_as_it_was_made, times_are_cut_to_microseconds, only_the_owner_sees_a_room,
    lists_are_windows_newest_first, changes_touch_only_what_they_name, deleting_takes_everything_along,
    invited_rooms_are_listed_with_the_own, invitations_make_standings, telephone_access_outlasts_encryption,
    meetings_learn_their_facts, existing_rooms_are_told);

async fn create(store: &Store, owner: &str, change: impl FnOnce(&mut NewRoom)) -> Room {
    let owner = store.user(owner).await;
    let mut new = NewRoom {
        id: Uuid::new_v4(),
        tenant_id: owner.tenant_id,
        created_by: owner.profile.id,
        created_at: at(0),
        password: None,
        waiting_room: false,
        guest_access: GuestAccess::default(),
        e2e_encryption: false,
        sip: false,
    };
    change(&mut new);
    rooms::create(&store.db, new, Quotas::NONE).await.expect("a room")
}

async fn seen(store: &Store, user: Uuid, room: Uuid) -> Option<Room> {
    let related = rooms::related(&store.db, user, room).await.expect("a query")?;
    check(Subject::User(related.standing), Operation::ReadRoom).ok()?;
    Some(related.room)
}

async fn a_room_is_stored_as_it_was_made(store: &Store) {
    let room = create(store, "ada", |new| {
        new.password = Some(Secret::new("ünter"));
        new.waiting_room = true;
        new.e2e_encryption = true;
        new.guest_access = GuestAccess::Disabled;
    })
    .await;
    assert_eq!(room.password, Some(Secret::new("ünter")));
    assert!(room.waiting_room && room.e2e_encryption);
    assert_eq!(room.guest_access, GuestAccess::Disabled);
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
        rooms::list(&store.db, &bob.profile, window)
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
    let owner = &made[0].created_by.clone();
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

async fn invited_rooms_are_listed_with_the_own(store: &Store) {
    let bob = store.user("bob").await;
    let mut made = Vec::new();
    for (owner, second) in [
        ("bob", 4),
        ("ada", 3),
        ("ada", 5),
        ("bob", 1),
        ("ada", 2),
        ("ada", 6),
    ] {
        let room = create(store, owner, |new| new.created_at = at(second)).await;
        let event = planted::event(&store.db, room.id).await;
        // Owners may invite themselves: their rooms are still listed once.
        if second != 6 {
            planted::invitation(&store.db, event, "bob@example.org", "user", "pending").await;
            made.push(room);
        }
    }
    made.sort_by_key(|room| std::cmp::Reverse(room.created_at));
    for (limit, offset) in [(10, 0), (2, 0), (2, 2), (2, 4), (3, 1)] {
        let window = Window { limit, offset };
        let listed = rooms::list(&store.db, &bob.profile, window)
            .await
            .expect("a list");
        let offset = usize::try_from(offset).expect("a number");
        let expected: Vec<_> = made.iter().skip(offset).take(limit as usize).cloned().collect();
        assert_eq!((listed.rows, listed.total), (expected, 5), "{window:?}");
    }
}

async fn invitations_make_standings(store: &Store) {
    let room = create(store, "ada", |_| {}).await;
    let event = planted::event(&store.db, room.id).await;
    let mut foreign = token("eve");
    foreign.profile.tenant_id = Some("other".to_owned());
    store.log_in(&foreign).await;
    for (name, role, standing) in [
        ("ada", None, Standing::Owner),
        ("bob", Some("moderator"), Standing::Moderator),
        ("carol", Some("user"), Standing::Invited),
        ("dora", None, Standing::Stranger),
        ("eve", Some("moderator"), Standing::Foreign),
    ] {
        let user = match name {
            "eve" => store.log_in(&foreign).await,
            name => store.user(name).await,
        };
        let (profile, user) = (user.profile.clone(), user.profile.id);
        if let Some(role) = role {
            let email = format!("{name}@example.org");
            planted::invitation(&store.db, event, &email, role, "pending").await;
        }
        let of_room = relations::to_room(&store.db, user, room.id).await;
        assert_eq!(of_room.expect("a query"), Some(standing), "{name}");
        let of_event = relations::to_event(&store.db, user, event).await;
        assert_eq!(of_event.expect("a query"), Some(standing), "{name}");
        let related = rooms::related(&store.db, user, room.id).await;
        assert_eq!(
            related.expect("a query").expect("a room").standing,
            standing,
            "{name}"
        );
        let window = Window { limit: 10, offset: 0 };
        let listed = rooms::list(&store.db, &profile, window)
            .await
            .expect("a list")
            .total;
        let sees = check(Subject::User(standing), Operation::ReadRoom).is_ok();
        assert_eq!(listed, u64::from(sees), "{name}");
    }
    let nobody = relations::to_room(&store.db, room.created_by.id, event).await;
    assert_eq!(nobody.expect("a query"), None);
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
    assert_eq!(waiting.await, Some(expected.clone()));
    for guest_access in [
        GuestAccess::Disabled,
        GuestAccess::WaitingRoom,
        GuestAccess::DirectAccess,
    ] {
        let change = RoomChange {
            guest_access: Some(guest_access),
            ..RoomChange::default()
        };
        let expected = Room {
            guest_access,
            ..expected.clone()
        };
        assert_eq!(changed(change).await, Some(expected.clone()));
        assert_eq!(changed(RoomChange::default()).await, Some(expected));
    }
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
    let deleted = store.remove_room(room.id).await.expect("a query");
    assert_eq!(deleted, Some(Vec::new()));
    let again = store.remove_room(room.id).await.expect("a query");
    assert_eq!(again, None);
    assert_eq!(store.number("SELECT count(*) FROM sip_configs").await, 1);
    assert!(seen(store, other.created_by.id, other.id).await.is_some());
}

async fn telephone_access_outlasts_encryption(store: &Store) {
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
    // What people have noted down is good again when the encryption ends.
    assert_eq!(store.number(sound).await, 1);
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
