//! Invites.

use colloquy::{
    config::Quotas,
    secrets::Secret,
    store::{
        Window,
        guest_access::GuestAccess,
        invites::{self, Editor, Invite, NewInvite},
        rooms::{self, NewRoom, RoomChange},
    },
};
use uuid::Uuid;

use super::{Store, at};

on_both_databases!(Store:
    an_invite_names_creator_and_editor, a_deleted_invite_stays_as_inactive, codes_are_told_with_what_lets_guests_in, codes_lead_to_their_room,
    invites_end_with_their_room, of_dead_ones_the_latest_are_kept, lists_are_windows_newest_first);

async fn room(store: &Store, password: Option<&str>) -> NewRoom {
    let owner = store.user("ada").await;
    let new = NewRoom {
        id: Uuid::new_v4(),
        tenant_id: owner.tenant_id,
        created_by: owner.profile.id,
        created_at: at(0),
        password: password.map(Secret::new),
        waiting_room: false,
        guest_access: GuestAccess::default(),
        e2e_encryption: false,
        sip: false,
    };
    rooms::create(&store.db, new.clone(), Quotas::NONE)
        .await
        .expect("a room");
    new
}

async fn invite(store: &Store, room: &NewRoom, second: i64) -> Invite {
    let new = NewInvite {
        code: Uuid::new_v4(),
        room_id: room.id,
        created_by: room.created_by,
        created_at: at(second),
        expiration: None,
    };
    invites::create(&store.db, new, Quotas::NONE)
        .await
        .expect("a query")
        .expect("an invite")
}

async fn an_invite_names_creator_and_editor(store: &Store) {
    let room = room(store, None).await;
    let made = invite(store, &room, 1).await;
    assert!(made.active && made.expiration.is_none());
    assert_eq!((made.created_at, made.updated_at), (at(1), at(1)));
    let bob = store.user("bob").await.profile;
    let editor = Editor {
        user: bob.id,
        at: at(2),
    };
    let changed =
        invites::set_expiration(&store.db, (room.id, made.code), Some(at(9)), editor, Quotas::NONE).await;
    let expected = Invite {
        updated_by: bob,
        updated_at: at(2),
        expiration: Some(at(9)),
        ..made.clone()
    };
    assert_eq!(changed.expect("a query"), Some(expected.clone()));
    assert_eq!(
        invites::get(&store.db, room.id, made.code)
            .await
            .expect("a query"),
        Some(expected)
    );
    assert_eq!(
        invites::get(&store.db, Uuid::new_v4(), made.code)
            .await
            .expect("a query"),
        None
    );
    let elsewhere =
        invites::set_expiration(&store.db, (Uuid::new_v4(), made.code), None, editor, Quotas::NONE).await;
    assert_eq!(elsewhere.expect("a query"), None);
}

async fn a_deleted_invite_stays_as_inactive(store: &Store) {
    let room = room(store, None).await;
    let code = invite(store, &room, 1).await.code;
    let delete = async |second| {
        let editor = Editor {
            user: room.created_by,
            at: at(second),
        };
        invites::deactivate(&store.db, room.id, code, editor)
            .await
            .expect("a query")
    };
    assert!(delete(2).await && delete(3).await);
    let invite = invites::get(&store.db, room.id, code)
        .await
        .expect("a query")
        .expect("an invite");
    assert_eq!((invite.active, invite.updated_at), (false, at(2)));
    let editor = Editor {
        user: room.created_by,
        at: at(4),
    };
    assert!(
        !invites::deactivate(&store.db, room.id, Uuid::new_v4(), editor)
            .await
            .expect("a query")
    );
}

async fn codes_lead_to_their_room(store: &Store) {
    let room = room(store, Some("secret")).await;
    let code = invite(store, &room, 1).await.code;
    let found = async || {
        invites::for_start(&store.db, code)
            .await
            .expect("a query")
            .expect("an invite")
    };
    let invite = found().await;
    assert_eq!(
        (invite.room_id, invite.room_password.as_ref()),
        (room.id, Some(&Secret::new("secret")))
    );
    assert!(invite.is_valid(at(1_000_000)));
    let editor = Editor {
        user: room.created_by,
        at: at(2),
    };
    invites::set_expiration(&store.db, (room.id, code), Some(at(9)), editor, Quotas::NONE)
        .await
        .expect("a query");
    let invite = found().await;
    assert!(invite.is_valid(at(8)) && !invite.is_valid(at(9)));
    invites::deactivate(&store.db, room.id, code, editor)
        .await
        .expect("a query");
    assert!(!found().await.is_valid(at(3)));
    assert_eq!(
        invites::for_start(&store.db, Uuid::new_v4())
            .await
            .expect("a query"),
        None
    );
}

async fn codes_are_told_with_what_lets_guests_in(store: &Store) {
    let room = room(store, None).await;
    let code = invite(store, &room, 1).await.code;
    let told = async || {
        let kept = invites::kept(&store.db, &[code, Uuid::new_v4()]).await;
        let kept = kept.expect("a query");
        let start = invites::for_start(&store.db, code).await.expect("a query");
        let start = start.expect("an invite");
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(
            (kept[0].code, kept[0].guest_access, &kept[0].tariff),
            (code, start.guest_access, &start.tariff)
        );
        (start.guest_access, start.tariff.disabled_features)
    };
    assert_eq!(told().await, (GuestAccess::DirectAccess, Vec::new()));
    store
        .execute("UPDATE tariffs SET disabled_features = '[\"guests_allowed\"]'")
        .await;
    let change = RoomChange {
        guest_access: Some(GuestAccess::Disabled),
        ..RoomChange::default()
    };
    rooms::update(&store.db, room.id, change).await.expect("a query");
    let off = vec!["guests_allowed".to_owned()];
    assert_eq!(told().await, (GuestAccess::Disabled, off));
    let editor = Editor {
        user: room.created_by,
        at: at(2),
    };
    invites::deactivate(&store.db, room.id, code, editor)
        .await
        .expect("a query");
    assert_eq!(invites::kept(&store.db, &[code]).await.expect("a query"), []);
}

async fn invites_end_with_their_room(store: &Store) {
    let mut room = room(store, None).await;
    let code = invite(store, &room, 1).await.code;
    store.remove_room(room.id).await.expect("a query");
    assert_eq!(invites::for_start(&store.db, code).await.expect("a query"), None);
    room.id = Uuid::new_v4();
    let orphan = NewInvite {
        code: Uuid::new_v4(),
        room_id: room.id,
        created_by: room.created_by,
        created_at: at(2),
        expiration: None,
    };
    assert_eq!(
        invites::create(&store.db, orphan, Quotas::NONE)
            .await
            .expect("a query"),
        None
    );
}

async fn lists_are_windows_newest_first(store: &Store) {
    let (room, other) = (room(store, None).await, room(store, None).await);
    // Far enough apart to be different ones.
    let oldest = invite(store, &room, 1).await;
    let middle = invite(store, &room, 21).await;
    let newest = invite(store, &room, 41).await;
    invite(store, &other, 61).await;
    let listed = invites::list(&store.db, room.id, Window { limit: 2, offset: 1 })
        .await
        .expect("a list");
    assert_eq!((listed.rows, listed.total), (vec![middle, oldest], 3));
    let first = invites::list(&store.db, room.id, Window { limit: 1, offset: 0 })
        .await
        .expect("a list");
    assert_eq!(first.rows, [newest]);
}

/// No quota counts them, and anybody who may invite makes as many as there is time for.
async fn of_dead_ones_the_latest_are_kept(store: &Store) {
    let room = room(store, None).await;
    let oldest = invite(store, &room, 1).await;
    let later = invite(store, &room, 100).await;
    for (invite, second) in [(&oldest, 2), (&later, 200)] {
        let editor = Editor {
            user: room.created_by,
            at: at(second),
        };
        invites::deactivate(&store.db, room.id, invite.code, editor)
            .await
            .expect("a query");
    }
    // Expired ones are as dead.
    store
        .execute(&format!(
            "INSERT INTO invites (code, room_id, created_by, created_at, updated_by, updated_at, active, expiration)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {})
             SELECT {}, room_id, created_by, updated_at, updated_by, updated_at, NOT active, updated_at
             FROM invites, n WHERE code = {}",
            invites::DEAD_KEPT,
            store.random_id(),
            store.literal(later.code)
        ))
        .await;
    let living = invite(store, &room, 300).await;
    let number = u64::from(invites::DEAD_KEPT);
    let listed = invites::list(&store.db, room.id, Window { offset: 0, limit: 1 }).await;
    assert_eq!(listed.expect("a query").total, number + 1);
    let get = async |code| invites::get(&store.db, room.id, code).await.expect("a query");
    assert_eq!(get(oldest.code).await, None);
    assert_eq!(get(living.code).await, Some(living));
}
