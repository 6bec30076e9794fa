//! `/v1/rooms/{room_id}/assets` and `…/{asset_id}`.

use axum::body::Body;
use bytes::Bytes;
use colloquy::{
    assets::{READS_PER_USER_MAX, Wish},
    config::Quotas,
};
use serde_json::{Value, json};

use super::api::{Api, Person, request};
use crate::databases::Kind;

on_both_databases!(Api:
    an_upload_is_listed_and_downloaded, names_are_made_by_the_server, names_of_the_same_second_differ, the_title_of_the_event_wins, ranges_are_served,
    the_last_bytes_of_nothing_are_nothing,
    who_has_it_gets_nothing, parameters_have_limits, only_the_owner_changes_and_strangers_see_nothing,
    the_quota_is_soft, a_broken_upload_leaves_nothing, everything_goes_with_the_room, assets_are_listed_in_pages,
    nobody_takes_all_places, a_user_has_so_many_downloads);

const UPLOAD: &str = "kind=recording&file_extension=mkv";

async fn an_upload_is_listed_and_downloaded(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let path = format!("/v1/rooms/{room}/assets");
    assert_eq!(api.get(&alice, &path).await.expect(200), json!([]));
    let asset = api.upload(&alice, &room, UPLOAD, "content").await.expect(200);
    let expected = json!({
        "id": asset["id"], "kind": "recording", "namespace": "core", "size": 7, "created_at": asset["created_at"],
        "filename": format!("recording_{}.mkv", api.file_time()),
    });
    assert_eq!(asset, expected);
    assert_eq!(api.get(&alice, &path).await.expect(200), json!([asset]));
    let download = api.download(&alice, &room, &asset, &[]).await;
    assert_eq!((download.status, &*download.content), (200, &b"content"[..]));
    assert_eq!(download.header("content-length"), "7");
    assert_eq!(download.header("content-type"), "application/octet-stream");
    assert_eq!(download.header("x-content-type-options"), "nosniff");
    assert_eq!(download.header("accept-ranges"), "bytes");
    let name = asset["filename"].as_str().expect("a name");
    let disposition = format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}");
    assert_eq!(download.header("content-disposition"), disposition);
    let empty = api.upload(&alice, &room, "kind=x&file_extension=", "").await;
    let empty = empty.expect(200);
    assert_eq!(empty["size"], 0);
    let download = api.download(&alice, &room, &empty, &[]).await;
    assert_eq!((download.status, download.content.len()), (200, 0));
    assert_eq!(download.header("content-length"), "0");
    assert_eq!(api.contents().len(), 2);
}

async fn names_are_made_by_the_server(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    for (title, shown, plain, exact) in [
        ("a%22b%0D%0ASet-Cookie:x", "a_b__Set-Cookie_x", None, None),
        (
            "Gr%C3%BC%C3%9Fe%20an",
            "Grüße an",
            Some("Gr__e an"),
            Some("Gr%C3%BC%C3%9Fe%20an"),
        ),
        ("..%2F..%2Fetc%2Fpasswd", ".._.._etc_passwd", None, None),
    ] {
        let query = format!("kind=vote_protocol&file_extension=pdf&namespace=legal_vote&event_title={title}");
        let asset = api.upload(&alice, &room, &query, "x").await.expect(200);
        let rest = format!("_vote_protocol_{}.pdf", api.file_time());
        assert_eq!(asset["filename"], format!("{shown}{rest}"));
        assert_eq!(asset["namespace"], "legal_vote");
        let download = api.download(&alice, &room, &asset, &[]).await;
        let expected = format!(
            "attachment; filename=\"{}{rest}\"; filename*=UTF-8''{}{rest}",
            plain.unwrap_or(shown),
            exact.unwrap_or(shown)
        );
        assert_eq!(download.header("content-disposition"), expected);
    }
}

async fn names_of_the_same_second_differ(api: &Api) {
    let alice = api.person("alice").await;
    let (room, other) = (
        api.room(&alice, json!({})).await,
        api.room(&alice, json!({})).await,
    );
    let begin = format!("recording_{}", api.file_time());
    let mut names = Vec::new();
    let mut last = Value::Null;
    for room in [&room, &room, &room, &other] {
        last = api.upload(&alice, room, UPLOAD, "x").await.expect(200);
        names.push(last["filename"].clone());
    }
    let expected = ["", "_2", "_3", ""].map(|number| json!(format!("{begin}{number}.mkv")));
    assert_eq!(names, expected);
    let listed = api
        .get(&alice, &format!("/v1/rooms/{other}/assets"))
        .await
        .expect(200);
    assert_eq!(listed, json!([last]));
    // A name that is free again is given again; at once as well.
    let path = format!("/v1/rooms/{room}/assets");
    let assets = api.get(&alice, &path).await.expect(200);
    let second = assets.as_array().expect("a list").iter();
    let second = second.clone().find(|asset| asset["filename"] == names[1]);
    let id = second.expect("the second")["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    api.call(&alice, "DELETE", &format!("{path}/{id}"), Value::Null)
        .await
        .expect(204);
    let uploads = (0..4).map(|_| api.upload(&alice, &room, UPLOAD, "x"));
    let mut names: Vec<_> = futures_util::future::join_all(uploads)
        .await
        .into_iter()
        .map(|answer| answer.expect(200)["filename"].clone())
        .collect();
    names.sort_by_key(ToString::to_string);
    let expected = [2, 4, 5, 6].map(|number| json!(format!("{begin}_{number}.mkv")));
    assert_eq!(names, expected);
}

async fn the_title_of_the_event_wins(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.give_every_room_an_event("Board").await;
    let query = format!("{UPLOAD}&event_title=Other");
    let asset = api.upload(&alice, &room, &query, "x").await.expect(200);
    assert_eq!(
        asset["filename"],
        format!("Board_recording_{}.mkv", api.file_time())
    );
    // The event keeps the room, and so the room its assets.
    let path = format!("/v1/rooms/{room}");
    api.call(&alice, "DELETE", &path, Value::Null)
        .await
        .refused(409, "conflict");
    assert_eq!(api.download(&alice, &room, &asset, &[]).await.status, 200);
    assert_eq!(
        api.get(&alice, "/v1/users/me").await.expect(200)["used_storage"],
        1
    );
}

async fn ranges_are_served(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let asset = api.upload(&alice, &room, UPLOAD, "0123456789").await.expect(200);
    for (range, status, content, content_range) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=8-", 206, "89", "bytes 8-9/10"),
        ("bytes=-1", 206, "9", "bytes 9-9/10"),
        ("bytes=5-500", 206, "56789", "bytes 5-9/10"),
        ("bytes=0-1,4-5", 200, "0123456789", ""),
        ("lines=1-2", 200, "0123456789", ""),
    ] {
        let download = api.download(&alice, &room, &asset, &[("range", range)]).await;
        assert_eq!(
            (download.status, &*download.content),
            (status, content.as_bytes()),
            "{range}"
        );
        assert_eq!(download.header("content-range"), content_range);
        assert_eq!(download.header("content-length"), content.len().to_string());
    }
    let beyond = api
        .download(&alice, &room, &asset, &[("range", "bytes=10-")])
        .await;
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, "bytes */10")
    );
    let body: Value = serde_json::from_slice(&beyond.content).expect("JSON");
    assert_eq!(body["code"], "range_not_satisfiable");
}

async fn the_last_bytes_of_nothing_are_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let asset = api.upload(&alice, &room, UPLOAD, "").await.expect(200);
    for (range, status) in [("bytes=-1", 200), ("bytes=-0", 416), ("bytes=0-", 416)] {
        let download = api.download(&alice, &room, &asset, &[("range", range)]).await;
        assert_eq!(download.status, status, "{range}");
        if status == 200 {
            let length = download.header("content-length");
            assert_eq!((download.content.len(), length), (0, "0"));
            assert_eq!(download.header("content-range"), "");
        } else {
            assert_eq!(download.header("content-range"), "bytes */0");
        }
    }
}

async fn who_has_it_gets_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let asset = api.upload(&alice, &room, UPLOAD, "0123").await.expect(200);
    let first = api.download(&alice, &room, &asset, &[]).await;
    let (tag, date) = (first.header("etag"), first.header("last-modified"));
    for header in [("if-none-match", tag), ("if-modified-since", date)] {
        let again = api.download(&alice, &room, &asset, &[header]).await;
        assert_eq!((again.status, again.content.len()), (304, 0));
        assert_eq!(again.header("etag"), tag);
    }
    let resumed = [("range", "bytes=2-"), ("if-range", tag)];
    assert_eq!(api.download(&alice, &room, &asset, &resumed).await.status, 206);
    let changed = [("range", "bytes=2-"), ("if-range", "\"other\"")];
    assert_eq!(api.download(&alice, &room, &asset, &changed).await.status, 200);
    let head = api.head(&alice, &room, &asset).await;
    assert_eq!((head.status, head.content.len()), (200, 0));
    assert_eq!((head.header("content-length"), head.header("etag")), ("4", tag));
}

async fn parameters_have_limits(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    for query in [
        "",
        "kind=x",
        "file_extension=x",
        "kind=&file_extension=x",
        "kind=a-b&file_extension=x",
        "kind=a%C3%BC&file_extension=x",
        "kind=a&file_extension=.x",
        "kind=a&file_extension=12345678901",
        "kind=a&file_extension=x&namespace=",
        "kind=a&file_extension=x&namespace=a.b",
        "kind=a&file_extension=x&event_title=%00",
        &format!("kind={}&file_extension=x", "k".repeat(51)),
        &format!("kind=a&file_extension=x&namespace={}", "n".repeat(256)),
        &format!("kind=a&file_extension=x&event_title={}", "t".repeat(256)),
    ] {
        let answer = api.upload(&alice, &room, query, "x").await;
        answer.refused(400, "bad_request");
    }
    assert_eq!(api.contents(), Vec::<String>::new());
    let longest = format!(
        "kind={}&file_extension=1234567890&namespace={}&event_title={}",
        "k".repeat(50),
        "n".repeat(255),
        "%C3%BC".repeat(255)
    );
    let asset = api.upload(&alice, &room, &longest, "x").await.expect(200);
    assert_eq!(
        asset["filename"].as_str().map(|name| name.chars().count()),
        Some(100)
    );
    for path in [
        "/v1/rooms/x/assets".to_owned(),
        format!("/v1/rooms/{room}/assets/x"),
    ] {
        api.get(&alice, &path).await.refused(400, "bad_request");
    }
}

async fn only_the_owner_changes_and_strangers_see_nothing(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let room = api.room(&alice, json!({})).await;
    let others = api.room(&bob, json!({})).await;
    let asset = api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
    let id = asset["id"].as_str().expect("an id");
    let unknown = "00000000-0000-4000-8000-000000000000";
    for room in [room.as_str(), unknown] {
        let path = format!("/v1/rooms/{room}/assets");
        api.get(&bob, &path).await.refused(404, "not_found");
        api.upload(&bob, room, UPLOAD, "x")
            .await
            .refused(404, "not_found");
        for method in ["GET", "DELETE"] {
            let path = format!("{path}/{id}");
            let answer = api.call(&bob, method, &path, Value::Null).await;
            answer.refused(404, "not_found");
        }
    }
    // Neither through a room of one's own, nor one that is not there.
    for (person, path) in [
        (&bob, format!("/v1/rooms/{others}/assets/{id}")),
        (&alice, format!("/v1/rooms/{room}/assets/{unknown}")),
    ] {
        for method in ["GET", "DELETE"] {
            let answer = api.call(person, method, &path, Value::Null).await;
            answer.refused(404, "not_found");
        }
    }
    let path = format!("/v1/rooms/{room}/assets/{id}");
    for method in ["GET", "DELETE"] {
        api.needs_a_user(method, &path).await;
    }
    api.needs_a_user("GET", &format!("/v1/rooms/{room}/assets")).await;
    api.needs_a_user("POST", &format!("/v1/rooms/{room}/assets?{UPLOAD}"))
        .await;
    let recorder = api.person("recorder").await;
    api.get(&recorder, &path).await.refused(403, "forbidden");
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.get(&alice, &path).await.refused(404, "not_found");
    api.call(&alice, "DELETE", &path, Value::Null)
        .await
        .refused(404, "not_found");
    api.no_contents().await;
}

async fn the_quota_is_soft(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let quotas = "UPDATE tariffs SET quotas = '{\"max_storage\": 10}'";
    api.database.execute(quotas).await;
    let used = async || api.get(&alice, "/v1/users/me").await.expect(200)["used_storage"].clone();
    assert_eq!(used().await, 0);
    let first = api.upload(&alice, &room, UPLOAD, "0123456789").await.expect(200);
    assert_eq!(used().await, 10);
    // Exactly full is not over it, and the next may overshoot.
    api.upload(&alice, &room, UPLOAD, "01234").await.expect(200);
    assert_eq!(used().await, 15);
    let refused = api.upload(&alice, &room, UPLOAD, "0").await;
    refused.refused(403, "storage_exceeded");
    assert_eq!(api.contents().len(), 2);
    let path = format!("/v1/rooms/{room}/assets/{}", first["id"].as_str().expect("an id"));
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    assert_eq!(used().await, 5);
    api.upload(&alice, &room, UPLOAD, "01").await.expect(200);
    assert_eq!(used().await, 7);
    // The quota of others is theirs.
    let bob = api.person("bob").await;
    let room = api.room(&bob, json!({})).await;
    api.upload(&bob, &room, UPLOAD, "0").await.expect(200);
    assert_eq!(used().await, 7);
}

async fn a_broken_upload_leaves_nothing(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    for pieces in [1, 3] {
        // More than a part: some of it is in the store already.
        let whole = (0..pieces).map(|_| Ok(Bytes::from(vec![7; 1_500_000])));
        let broken = Err(std::io::Error::other("the client has gone"));
        let body = Body::from_stream(futures_util::stream::iter(whole.chain([broken])));
        let answer = api.upload_stream(&alice, &room, UPLOAD, body).await;
        answer.refused(400, "bad_request");
        api.no_contents().await;
    }
    let listed = api.get(&alice, &format!("/v1/rooms/{room}/assets")).await;
    assert_eq!(listed.expect(200), json!([]));
    assert_eq!(
        api.get(&alice, "/v1/users/me").await.expect(200)["used_storage"],
        0
    );
}

async fn everything_goes_with_the_room(api: &Api) {
    let alice = api.person("alice").await;
    let (room, other) = (
        api.room(&alice, json!({})).await,
        api.room(&alice, json!({})).await,
    );
    for content in ["0", "01", "012"] {
        api.upload(&alice, &room, UPLOAD, content).await.expect(200);
    }
    let kept = api.upload(&alice, &other, UPLOAD, "0123").await.expect(200);
    let path = format!("/v1/rooms/{room}");
    api.call(&alice, "DELETE", &path, Value::Null).await.expect(204);
    api.wait_for_contents(&[kept["id"].as_str().expect("an id")])
        .await;
    assert_eq!(
        api.get(&alice, "/v1/users/me").await.expect(200)["used_storage"],
        4
    );
    assert_eq!(api.database.number("SELECT count(*) FROM assets").await, 1);
}

async fn assets_are_listed_in_pages(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    for size in 1..=3 {
        api.upload(&alice, &room, UPLOAD, &"x".repeat(size))
            .await
            .expect(200);
        api.clock.advance(1);
    }
    let path = format!("/v1/rooms/{room}/assets");
    let first = api.get(&alice, &format!("{path}?per_page=2")).await;
    assert!(first.header("link").contains("rel=\"next\""));
    let sizes = |list: Value| {
        let list = list.as_array().expect("a list").clone();
        list.iter().map(|asset| asset["size"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(first.expect(200)), [3, 2]);
    let last = api.get(&alice, &format!("{path}?per_page=2&page=2")).await;
    assert_eq!(sizes(last.expect(200)), [1]);
    api.get(&alice, &format!("{path}?per_page=0"))
        .await
        .refused(400, "bad_request");
}

async fn nobody_takes_all_places(api: &Api) {
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    let me = api.get(&alice, "/v1/users/me").await.expect(200);
    let me = me["id"].as_str().expect("an id").parse().expect("a UUID");
    let wish = Wish {
        user: me,
        uploads_max: Some(8),
        owner: me,
        used_storage: 0,
        max_storage: None,
        announced: None,
        quotas: Quotas::NONE,
    };
    let mut places = Vec::new();
    while let Ok(place) = api.state.assets.begin(wish).await {
        places.push(place);
    }
    assert_eq!(places.len(), 8);
    let ninth = api.upload(&alice, &room, UPLOAD, "x").await;
    ninth.refused(503, "service_unavailable");
    let bob = api.person("bob").await;
    let others = api.room(&bob, json!({})).await;
    api.upload(&bob, &others, UPLOAD, "x").await.expect(200);
    drop(places);
    api.upload(&alice, &room, UPLOAD, "x").await.expect(200);
}

async fn a_user_has_so_many_downloads(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let room = api.room(&alice, json!({})).await;
    let event = api.event_in(&room, false).await;
    api.invited(event, "bob", "user").await;
    let asset = api.upload(&alice, &room, UPLOAD, "content").await.expect(200);
    let path = format!("/v1/rooms/{room}/assets/{}", asset["id"].as_str().expect("an id"));
    let begin = async |person: &Person| {
        let authorization = format!("Bearer {}", person.access_token);
        api.begin(request("GET", &path, Some(&authorization), &Value::Null))
            .await
    };
    let mut under_way = Vec::new();
    for _ in 0..READS_PER_USER_MAX {
        let answer = begin(&alice).await;
        assert_eq!(answer.status(), 200);
        under_way.push(answer);
    }
    let refused = api.download(&alice, &room, &asset, &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "5"));
    assert_eq!(begin(&bob).await.status(), 200, "another user");
    // Who has it already reads nothing.
    let known = api
        .download(&alice, &room, &asset, &[("if-none-match", "*")])
        .await;
    assert_eq!(known.status, 304);
    // The end of one, and one that was given up.
    let whole = under_way.pop().expect("an answer");
    let content = axum::body::to_bytes(whole.into_body(), 100).await;
    assert_eq!(content.expect("a body"), "content");
    under_way.pop();
    for _ in 0..2 {
        under_way.push(begin(&alice).await);
    }
    assert!(under_way.iter().all(|answer| answer.status() == 200));
    assert_eq!(begin(&alice).await.status(), 429);
}

async fn uploads_have_a_size(kind: Kind) {
    let api = Api::with(kind, |config| config.assets.upload_bytes_max = 10).await;
    let alice = api.person("alice").await;
    let room = api.room(&alice, json!({})).await;
    api.upload(&alice, &room, UPLOAD, "0123456789").await.expect(200);
    let announced = api.upload(&alice, &room, UPLOAD, "0123456789A").await;
    announced.refused(413, "payload_too_large");
    let pieces = ["0123456", "789A"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let found_out = api.upload_stream(&alice, &room, UPLOAD, body).await;
    found_out.refused(413, "payload_too_large");
    assert_eq!(api.contents().len(), 1);
    api.finish().await;
}

#[tokio::test]
async fn uploads_have_a_size_on_sqlite() {
    uploads_have_a_size(Kind::Sqlite).await;
}

#[tokio::test]
async fn uploads_have_a_size_on_postgres() {
    uploads_have_a_size(Kind::Postgres).await;
}
