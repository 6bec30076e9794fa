//! What all lists have in common. A new list fails the first test until it is among those that are tried out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::api::{Api, Person};
use crate::support::planted;

on_both_databases!(Api: pages_are_linked_and_complete, what_is_added_shifts_no_page, pages_have_bounds);

/// Lists in pages, and how to get one more entry into each.
const PAGED: [(&str, Entry); 4] = [
    ("/v1/users", Entry::User),
    ("/v1/rooms", Entry::Room),
    ("/v1/rooms/{room_id}/invites", Entry::InviteCode),
    ("/v1/events/{event_id}/invites", Entry::Invitee),
];

/// Lists in pages that are tried out beside their resource, because more is needed to fill them.
const ELSEWHERE: [&str; 3] = [
    "/v1/rooms/{room_id}/assets",
    "/v1/rooms/{room_id}/streaming_targets",
    "/v1/users/me/assets",
];

/// Lists that begin with the newest: what is added would shift their pages.
const NEWEST_FIRST: [(&str, Entry); 2] = [PAGED[1], PAGED[2]];

#[derive(Debug, Clone, Copy)]
enum Entry {
    User,
    Room,
    InviteCode,
    Invitee,
}

#[test]
fn every_list_is_tried_out() {
    let document = serde_json::to_value(colloquy::http::api::document()).expect("JSON");
    let tried: BTreeSet<_> = PAGED.iter().map(|(path, _)| *path).chain(ELSEWHERE).collect();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parameters = item["get"]["parameters"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let named = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        assert_eq!(
            named("per_page"),
            named("page") || named("after"),
            "{path}: pages have a size, and a number or a cursor"
        );
        if named("page") {
            let answer = &item["get"]["responses"]["200"];
            assert!(
                answer["headers"]["Link"].is_object(),
                "{path}: no Link is described"
            );
            assert!(tried.contains(path.as_str()), "{path} is not tried out");
        }
    }
}

/// The path of a list, with a room and an event of alice's in it.
async fn own_path(api: &Api, alice: &Person, path: &str) -> String {
    let room = api.room(alice, json!({})).await;
    let event = planted::event(&api.state.db, room.parse().expect("an id")).await;
    path.replace("{room_id}", &room)
        .replace("{event_id}", &event.to_string())
}

async fn add(api: &Api, alice: &Person, path: &str, entry: Entry, number: usize) {
    match entry {
        Entry::User => {
            let person = api.person(["bob", "carol", "dora"][number]).await;
            api.get(&person, "/v1/users/me").await.expect(200);
        }
        Entry::Room | Entry::InviteCode => {
            api.call(alice, "POST", path, json!({})).await.expect(201);
        }
        Entry::Invitee => {
            let email = format!("{number}@example.org");
            api.call(alice, "POST", path, json!({"email": email}))
                .await
                .expect(201);
        }
    }
    api.clock.advance(1);
}

async fn pages_are_linked_and_complete(api: &Api) {
    let alice = api.person("alice").await;
    for (path, entry) in PAGED {
        let path = own_path(api, &alice, path).await;
        let get = async |query: &str| api.get(&alice, &format!("{path}{query}")).await;
        let mut number = 0;
        while get("").await.expect(200).as_array().expect("a list").len() < 4 {
            add(api, &alice, &path, entry, number).await;
            number += 1;
        }
        let whole = get("").await;
        assert!(
            !whole.headers.contains_key("link"),
            "{path}: one page has no links"
        );
        let whole = whole.expect(200);
        let links = |pages: &[(&str, u8)]| {
            let link = |(rel, page): &(&str, u8)| format!("<{path}?per_page=2&page={page}>; rel=\"{rel}\"");
            pages.iter().map(link).collect::<Vec<_>>().join(", ")
        };
        let first = get("?per_page=2").await;
        assert_eq!(first.links(), links(&[("first", 1), ("next", 2), ("last", 2)]));
        let last = get("?per_page=2&page=2").await;
        assert_eq!(last.links(), links(&[("first", 1), ("prev", 1), ("last", 2)]));
        let beyond = get("?per_page=2&page=9").await;
        assert_eq!(beyond.links(), links(&[("first", 1), ("prev", 2), ("last", 2)]));
        assert_eq!(beyond.expect(200), json!([]));
        let pages = [first.expect(200), last.expect(200)];
        let entries = pages
            .iter()
            .flat_map(|page| page.as_array().expect("a list").clone());
        assert_eq!(Value::Array(entries.collect()), whole, "{path}");
    }
}

/// Who follows the links sees each entry once, whatever is added meanwhile.
async fn what_is_added_shifts_no_page(api: &Api) {
    let alice = api.person("alice").await;
    for (path, entry) in NEWEST_FIRST {
        let path = own_path(api, &alice, path).await;
        for number in 0..5 {
            add(api, &alice, &path, entry, number).await;
        }
        let whole = api.get(&alice, &path).await.expect(200);
        let (mut next, mut seen) = (format!("{path}?per_page=2"), Vec::new());
        while !next.is_empty() {
            api.clock.advance(1);
            let page = api.get(&alice, &next).await;
            let link = page
                .header("link")
                .split(", ")
                .find(|link| link.contains("\"next\""));
            next = link.map_or_else(String::new, |link| {
                link[1..link.find('>').expect("a link")].to_owned()
            });
            seen.extend(page.expect(200).as_array().expect("a list").clone());
            api.clock.advance(1);
            add(api, &alice, &path, entry, 0).await;
        }
        assert_eq!(Value::Array(seen), whole, "{path}");
        let bad = api.get(&alice, &format!("{path}?as_of=yesterday")).await;
        bad.refused(400, "bad_request");
    }
}

async fn pages_have_bounds(api: &Api) {
    let alice = api.person("alice").await;
    for (path, _) in PAGED {
        let path = own_path(api, &alice, path).await;
        for good in [
            "?per_page=1",
            "?per_page=100&page=1",
            "?page=4294967295&unknown=1",
        ] {
            api.get(&alice, &format!("{path}{good}")).await.expect(200);
        }
        for bad in [
            "?per_page=0",
            "?per_page=101",
            "?per_page=-1",
            "?per_page=x",
            "?per_page=",
            "?page=0",
            "?page=4294967296",
            "?page=1.5",
        ] {
            let answer = api.get(&alice, &format!("{path}{bad}")).await;
            answer.refused(400, "bad_request");
        }
    }
}
