//! `/v1/users/me/assets`.

use serde_json::{Value, json};

use super::api::{Api, Person};

on_both_databases!(Api:
    all_assets_of_ones_rooms_are_listed, they_are_sorted, pages_keep_their_order, parameters_are_checked);

const PATH: &str = "/v1/users/me/assets";

async fn sizes(api: &Api, who: &Person, query: &str) -> Vec<Value> {
    let listed = api.get(who, &format!("{PATH}?{query}")).await.expect(200);
    let list = listed["owned_assets"].as_array().expect("a list");
    list.iter().map(|asset| asset["size"].clone()).collect()
}

/// Three assets in two rooms, of sizes 1 to 3.
async fn fill(api: &Api, alice: &Person) {
    let (one, two) = (api.room(alice, json!({})).await, api.room(alice, json!({})).await);
    for (room, query, content) in [
        (&one, "kind=b&file_extension=x&namespace=chat&event_title=z", "1"),
        (&two, "kind=c&file_extension=x&namespace=automod", "22"),
        (
            &one,
            "kind=a&file_extension=x&namespace=polls&event_title=y",
            "333",
        ),
    ] {
        api.upload(alice, room, query, content).await.expect(200);
        api.clock.advance(1);
    }
}

async fn all_assets_of_ones_rooms_are_listed(api: &Api) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    assert_eq!(
        api.get(&alice, PATH).await.expect(200),
        json!({"owned_assets": []})
    );
    let room = api.room(&alice, json!({})).await;
    api.give_every_room_an_event("Board").await;
    let other = api.room(&alice, json!({})).await;
    let mut first = api
        .upload(&alice, &room, "kind=a&file_extension=x", "1")
        .await
        .expect(200);
    api.clock.advance(1);
    let mut second = api
        .upload(&alice, &other, "kind=a&file_extension=x", "1")
        .await
        .expect(200);
    first["room_id"] = json!(room);
    first["event_id"] = json!(room);
    second["room_id"] = json!(other);
    let listed = api.get(&alice, PATH).await.expect(200);
    assert_eq!(listed, json!({"owned_assets": [second, first]}));
    assert_eq!(api.get(&bob, PATH).await.expect(200), json!({"owned_assets": []}));
}

async fn they_are_sorted(api: &Api) {
    let alice = api.person("alice").await;
    fill(api, &alice).await;
    for (sort, ascending) in [
        ("created_at", [1, 2, 3]),
        ("size", [1, 2, 3]),
        ("kind", [3, 1, 2]),
        ("namespace", [2, 1, 3]),
        ("filename", [2, 3, 1]),
    ] {
        let query = format!("sort={sort}&order=ascending");
        assert_eq!(sizes(api, &alice, &query).await, ascending, "{sort}");
        let mut descending = ascending;
        descending.reverse();
        let query = format!("order=descending&sort={sort}");
        assert_eq!(sizes(api, &alice, &query).await, descending, "{sort}");
    }
    assert_eq!(sizes(api, &alice, "").await, [3, 2, 1]);
}

async fn pages_keep_their_order(api: &Api) {
    let alice = api.person("alice").await;
    fill(api, &alice).await;
    let answer = api
        .get(
            &alice,
            &format!("{PATH}?per_page=2&sort=kind&page=1&order=ascending"),
        )
        .await;
    let next = format!("<{PATH}?per_page=2&page=2&sort=kind&order=ascending>; rel=\"next\"");
    assert!(answer.links().contains(&next), "{}", answer.links());
    let rest = sizes(api, &alice, "sort=kind&order=ascending&per_page=2&page=2").await;
    assert_eq!(rest, [2]);
}

async fn parameters_are_checked(api: &Api) {
    let alice = api.person("alice").await;
    for query in [
        "sort=owner",
        "sort=",
        "order=up",
        "per_page=101",
        "page=0",
        "sort=size&sort=kind",
    ] {
        api.get(&alice, &format!("{PATH}?{query}"))
            .await
            .refused(400, "bad_request");
    }
    api.needs_a_user("GET", PATH).await;
}
