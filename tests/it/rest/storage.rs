//! How much may be stored: bytes under way, uploads at the same time, and what stays free of the disk.

use axum::body::Body;
use bytes::Bytes;
use colloquy::{
    assets::{Upload, Wish},
    config::Quotas,
};
use futures_util::{StreamExt as _, future::join, stream};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    api::{Api, Person},
    events::{post, text, timeless},
};
use crate::databases::Kind;

on_both_databases!(Api:
    bytes_under_way_count_as_stored,
    of_two_that_exceed_the_quota_together_one_is_stored,
    nothing_more_comes_beside_what_exceeds_the_quota,
    what_stays_below_the_quota_may_come_at_the_same_time,
    a_tariff_says_how_many_uploads_come_at_once,
    a_quota_of_nothing_is_nothing,
    more_names_differ_than_are_looked_up_at_once,
    more_than_one_transaction_has_time_for_goes_with_the_room);

const UPLOAD: &str = "kind=report&file_extension=pdf";

async fn limited(api: &Api, quotas: &Value) -> (Person, String) {
    let set = format!("UPDATE tariffs SET quotas = '{quotas}'");
    api.database.execute(&set).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    (alice, room)
}

/// An upload of alice that has begun and of which nothing comes yet.
async fn begun(api: &Api, alice: &Person, announced: u64, uploads_max: Option<u64>) -> Upload {
    let me = api.get(alice, "/v1/users/me").await.expect(200);
    let me: Uuid = me["id"].as_str().expect("an id").parse().expect("a UUID");
    let wish = Wish {
        user: me,
        uploads_max,
        owner: me,
        used_storage: 0,
        max_storage: None,
        announced: Some(announced),
        quotas: Quotas::NONE,
    };
    api.state.assets.begin(wish).await.expect("a place")
}

/// A content that does not say how long it is.
fn unannounced(content: &'static str) -> Body {
    let pieces = content
        .as_bytes()
        .chunks(4)
        .map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    Body::from_stream(stream::iter(pieces))
}

async fn bytes_under_way_count_as_stored(api: &Api) {
    let (alice, room) = limited(api, &json!({"max_storage": 10})).await;
    let under_way = begun(api, &alice, 11, None).await;
    let refused = api.upload(&alice, &room, UPLOAD, "x").await;
    refused.refused(403, "storage_exceeded");
    // Others have their own.
    let bob = api.person("bob").await;
    let others = api.room(&bob, json!({})).await;
    api.upload(&bob, &others, UPLOAD, "x").await.expect(200);
    // It came to nothing.
    drop(under_way);
    api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
}

async fn of_two_that_exceed_the_quota_together_one_is_stored(api: &Api) {
    let (alice, room) = limited(api, &json!({"max_storage": 10})).await;
    // Nobody knows how long they are, so that only the end tells.
    let (first, second) = join(
        api.upload_stream(&alice, &room, UPLOAD, unannounced("0123456789AB")),
        api.upload_stream(&alice, &room, UPLOAD, unannounced("0123456789AB")),
    )
    .await;
    let (stored, refused) = if first.status.as_u16() == 200 {
        (first, second)
    } else {
        (second, first)
    };
    let stored = stored.expect(200);
    refused.refused(403, "storage_exceeded");
    api.wait_for_contents(&[stored["id"].as_str().expect("an id")])
        .await;
    let me = api.get(&alice, "/v1/users/me").await.expect(200);
    assert_eq!(me["used_storage"], 12);
}

/// Also where nothing was announced: the disk is everybody's.
async fn nothing_more_comes_beside_what_exceeds_the_quota(api: &Api) {
    let (alice, room) = limited(api, &json!({"max_storage": 10})).await;
    let (begins, has_begun) = oneshot::channel();
    let (goes_on, may_go_on) = oneshot::channel();
    let first = async move {
        begins.send(()).expect("somebody waits");
        Ok::<_, std::io::Error>(Bytes::from("0123"))
    };
    let second = async move {
        may_go_on.await.expect("more");
        Ok(Bytes::from("4567"))
    };
    let content = stream::once(first)
        .chain(stream::once(second))
        .chain(stream::pending());
    let other = async {
        has_begun.await.expect("an upload");
        let other = begun(api, &alice, 11, None).await;
        goes_on.send(()).expect("somebody waits");
        other
    };
    let upload = api.upload_stream(&alice, &room, UPLOAD, Body::from_stream(content));
    let (refused, other) = join(upload, other).await;
    refused.refused(403, "storage_exceeded");
    drop(other);
    api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
}

async fn what_stays_below_the_quota_may_come_at_the_same_time(api: &Api) {
    let (alice, room) = limited(api, &json!({"max_storage": 10})).await;
    let (first, second) = join(
        api.upload(&alice, &room, UPLOAD, "01234"),
        api.upload(&alice, &room, UPLOAD, "01234"),
    )
    .await;
    first.expect(200);
    second.expect(200);
    // The quota is soft: it is not exceeded yet.
    api.upload(&alice, &room, UPLOAD, "0").await.expect(200);
    let refused = api.upload(&alice, &room, UPLOAD, "0").await;
    refused.refused(403, "storage_exceeded");
}

async fn a_tariff_says_how_many_uploads_come_at_once(api: &Api) {
    let (alice, room) = limited(api, &json!({"uploads_per_user": 1})).await;
    let under_way = begun(api, &alice, 1, None).await;
    let second = api.upload(&alice, &room, UPLOAD, "x").await;
    second.refused(503, "service_unavailable");
    assert_eq!(second.header("retry-after"), "5");
    limited(api, &json!({"uploads_per_user": 2})).await;
    api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
    drop(under_way);
    limited(api, &json!({"uploads_per_user": 1})).await;
    api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
}

async fn a_full_disk_takes_nothing(kind: Kind) {
    let api = Api::with(kind, |config| config.assets.free_bytes_min = u64::MAX / 4).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    for answer in [
        api.upload(&alice, &room, UPLOAD, "x").await,
        api.upload_stream(&alice, &room, UPLOAD, unannounced("0123456789"))
            .await,
    ] {
        answer.refused(503, "storage_full");
        assert_eq!(answer.header("retry-after"), "5");
    }
    api.no_contents().await;
    let path = format!("/v1/rooms/{room}/assets");
    assert_eq!(api.get(&alice, &path).await.expect(200), json!([]));
    api.finish().await;
}

#[tokio::test]
async fn a_full_disk_takes_nothing_on_sqlite() {
    a_full_disk_takes_nothing(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_full_disk_takes_nothing_on_postgres() {
    a_full_disk_takes_nothing(Kind::Postgres).await;
}

async fn what_announces_too_much_need_not_come(kind: Kind) {
    // Of what is free, a little stays free: for a small file there is room.
    let api = Api::with(kind, |config| {
        config.assets.free_bytes_min = 1;
        config.assets.upload_bytes_max = u64::MAX;
    })
    .await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
    let announced = api
        .announced(&alice, &room, UPLOAD, i64::MAX.unsigned_abs())
        .await;
    announced.refused(503, "storage_full");
    assert_eq!(api.contents().len(), 1);
    api.finish().await;
}

#[tokio::test]
async fn what_announces_too_much_need_not_come_on_sqlite() {
    what_announces_too_much_need_not_come(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_announces_too_much_need_not_come_on_postgres() {
    what_announces_too_much_need_not_come(Kind::Postgres).await;
}

async fn a_quota_of_nothing_is_nothing(api: &Api) {
    let (alice, room) = limited(api, &json!({"max_storage": 0})).await;
    let refused = api.upload(&alice, &room, UPLOAD, "x").await;
    refused.refused(403, "storage_exceeded");
}

async fn more_names_differ_than_are_looked_up_at_once(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let asset = api.upload(&alice, &room, UPLOAD, "").await.expect(200);
        names.insert(asset["filename"].to_string());
    }
    assert_eq!(names.len(), 40);
    let last = format!("\"report_{}_40.pdf\"", api.file_time());
    assert!(names.contains(&last), "{names:?}");
}

async fn more_than_one_transaction_has_time_for_goes_with_the_room(api: &Api) {
    let alice = api.person("alice").await;
    for deleted in ["rooms", "events"] {
        let event = post(api, &alice, timeless()).await.expect(201);
        let (event, room) = (text(&event["id"]), text(&event["room"]["id"]));
        api.upload(&alice, room, UPLOAD, "x").await.expect(200);
        // There may be so many where the quota is lifted.
        api.database
            .execute(&format!(
                "INSERT INTO assets (id, room_id, created_at, namespace, kind, filename, size)
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
                 SELECT {}, room_id, created_at, namespace, kind, 'copy ' || i, 1 FROM assets, n",
                api.database.random_id()
            ))
            .await;
        api.database.execute("UPDATE users SET used_storage = 2501").await;
        let path = match deleted {
            "rooms" => format!("/v1/rooms/{room}"),
            _ => format!("/v1/events/{event}"),
        };
        let answer = api.call(&alice, "DELETE", &path, Value::Null).await;
        if deleted == "rooms" {
            // An event needs its room: nothing of it goes.
            answer.refused(409, "conflict");
            assert_eq!(api.database.number("SELECT count(*) FROM assets").await, 2_501);
            let path = format!("/v1/events/{event}");
            api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
        } else {
            answer.expect(204);
        }
        api.wait_for_contents(&[]).await;
        assert_eq!(api.database.number("SELECT count(*) FROM assets").await, 0);
        let me = api.get(&alice, "/v1/users/me").await.expect(200);
        assert_eq!(me["used_storage"], 0);
    }
}
