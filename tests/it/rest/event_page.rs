//! An event's page in the web client, as its creator sees it: it looks for an active invite without an expiration, else it
//! makes one, and looks again after each answer, refusals too, as fast as it can. So it must find one soon, whatever else
//! is there.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    answer::Answer,
    api::{Api, Person},
    events::{event, invite, path, text, timeless, with},
};
use crate::databases::Kind;

on_both_databases!(Served: a_page_settles_with_one_invite, an_event_with_details_has_one,
    pages_at_once_settle_with_the_same, a_withdrawn_one_is_replaced, a_full_room_has_a_place_for_it,
    a_limited_page_settles, codes_of_addresses_are_none, an_invitee_looks_and_makes_none);

/// How often a page looks at most until it has its link: it makes one after the first look, and finds it by the second.
const LOOKS_MAX: usize = 2;

/// As served to people: writes are limited, rooms have few places for codes.
struct Served(Api);

impl std::ops::Deref for Served {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.0
    }
}

impl Served {
    async fn start(kind: Kind) -> Self {
        let api = Api::with(kind, |config| {
            config.http.writes_per_second = 1;
            config.quotas.invites_per_room_max = 2;
        });
        Self(api.await)
    }

    async fn finish(self) {
        self.0.finish().await;
    }
}

/// A tab of a browser.
struct Page<'a> {
    api: &'a Api,
    person: &'a Person,
    invites: String,
    /// Method and status of what was asked.
    asked: Vec<(&'static str, u16)>,
}

impl<'a> Page<'a> {
    fn of(api: &'a Api, person: &'a Person, event: &Value) -> Self {
        let room = text(&event["room"]["id"]);
        Self {
            api,
            person,
            invites: format!("/v1/rooms/{room}/invites"),
            asked: Vec::new(),
        }
    }

    async fn ask(&mut self, method: &'static str, body: Value) -> Answer {
        let answer = self.api.call(self.person, method, &self.invites, body).await;
        self.asked.push((method, answer.status.as_u16()));
        answer
    }

    /// The code that the page shows, if it finds one in what it asks for.
    async fn look(&mut self) -> Option<String> {
        let listed = self.ask("GET", Value::Null).await.expect(200);
        let listed = listed.as_array().expect("a list");
        let is_lasting = |invite: &&Value| invite["active"] == true && invite["expiration"] == Value::Null;
        let found = listed.iter().find(is_lasting);
        found.map(|invite| text(&invite["invite_code"]).to_owned())
    }

    /// Goes on until it shows a code; that this opens the room is what it is for.
    async fn settle(&mut self) -> String {
        for _ in 0..LOOKS_MAX {
            if let Some(code) = self.look().await {
                let body = json!({"invite_code": code});
                let verified = self.api.call_anonymously("POST", "/v1/invite/verify", body);
                verified.await.expect(201);
                return code;
            }
            self.ask("POST", json!({})).await;
        }
        panic!("it asks for ever: {:?}", self.asked);
    }
}

async fn invites(api: &Api) -> i64 {
    api.database.number("SELECT count(*) FROM invites").await
}

async fn a_page_settles_with_one_invite(api: &Served) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    let mut page = Page::of(api, &alice, &event);
    let code = page.settle().await;
    assert_eq!(page.asked, [("GET", 200), ("POST", 201), ("GET", 200)]);
    // A day later it is still there.
    api.clock.advance(24 * 3_600);
    let alice = api.person("alice").await;
    let mut page = Page::of(api, &alice, &event);
    assert_eq!(page.settle().await, code);
    assert_eq!(page.asked, [("GET", 200)]);
    assert_eq!(invites(api).await, 1);
}

async fn an_event_with_details_has_one(api: &Served) {
    let alice = api.person("alice").await;
    let body = with(timeless(), &json!({"show_meeting_details": true}));
    let event = event(api, &alice, body).await;
    let mut page = Page::of(api, &alice, &event);
    page.settle().await;
    assert_eq!(page.asked, [("GET", 200)]);
}

async fn pages_at_once_settle_with_the_same(api: &Served) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    let mut pages: Vec<_> = (0..10).map(|_| Page::of(api, &alice, &event)).collect();
    let codes = join_all(pages.iter_mut().map(Page::settle)).await;
    assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    assert_eq!(invites(api).await, 1);
}

async fn a_withdrawn_one_is_replaced(api: &Served) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    let mut page = Page::of(api, &alice, &event);
    let first = page.settle().await;
    // At once: it is no answer to a wish of the same moment.
    let one = format!("{}/{first}", page.invites);
    api.call(&alice, "DELETE", &one, Value::Null).await.expect(204);
    page.asked.clear();
    let second = page.settle().await;
    assert_ne!(second, first);
    // One that gets an end is not what the page looks for, either.
    let one = format!("{}/{second}", page.invites);
    let end = json!({"expiration": "2030-01-01T00:00:00Z"});
    api.call(&alice, "PUT", &one, end).await.expect(200);
    assert_ne!(page.settle().await, second);
}

async fn a_full_room_has_a_place_for_it(api: &Served) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    let mut page = Page::of(api, &alice, &event);
    let dated = json!({"expiration": "2030-01-01T00:00:00Z"});
    for _ in 0..2 {
        page.ask("POST", dated.clone()).await.expect(201);
    }
    page.ask("POST", dated).await.refused(403, "quota_exceeded");
    // Those that open nothing take no place.
    let expired = json!({"expiration": "2020-01-01T00:00:00Z"});
    page.ask("POST", expired).await.expect(201);
    page.asked.clear();
    page.settle().await;
    assert_eq!(page.asked, [("GET", 200), ("POST", 201), ("GET", 200)]);
}

async fn a_limited_page_settles(api: &Served) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    while api
        .call(&alice, "PATCH", "/v1/users/me", json!({}))
        .await
        .status
        .is_success()
    {}
    // Whatever is refused, looking is not, and so the page finds what another has made meanwhile.
    let mut page = Page::of(api, &alice, &event);
    for _ in 0..150 {
        assert_eq!(page.look().await, None);
    }
    let bob = api.person("bob").await;
    let me = api.get(&bob, "/v1/users/me").await.expect(200);
    let body = json!({"invitee": me["id"], "role": "moderator"});
    api.call(&alice, "POST", &format!("{}/invites", path(&event)), body)
        .await
        .expect(201);
    let code = Page::of(api, &bob, &event).settle().await;
    assert_eq!(page.look().await, Some(code));
}

async fn codes_of_addresses_are_none(api: &Served) {
    let alice = api.person("alice").await;
    let event = event(api, &alice, timeless()).await;
    let body = json!({"email": "one@example.org"});
    api.call(&alice, "POST", &format!("{}/invites", path(&event)), body)
        .await
        .expect(201);
    let mut page = Page::of(api, &alice, &event);
    page.settle().await;
    assert_eq!(page.asked, [("GET", 200), ("POST", 201), ("GET", 200)]);
}

async fn an_invitee_looks_and_makes_none(api: &Served) {
    let (alice, bob) = (api.person("alice").await, api.person("bob").await);
    let event = event(api, &alice, timeless()).await;
    invite(api, &alice, &event, &bob, "user").await;
    let mut of_bob = Page::of(api, &bob, &event);
    assert_eq!(of_bob.look().await, None);
    let code = Page::of(api, &alice, &event).settle().await;
    assert_eq!(of_bob.look().await, Some(code.clone()));
    let one = format!("{}/{code}", of_bob.invites);
    assert_eq!(api.get(&bob, &one).await.expect(200)["invite_code"], code);
    // Changing them is for moderators.
    of_bob.ask("POST", json!({})).await.refused(403, "forbidden");
    let end = json!({"expiration": "2030-01-01T00:00:00Z"});
    api.call(&bob, "PUT", &one, end).await.refused(403, "forbidden");
    api.call(&bob, "DELETE", &one, Value::Null)
        .await
        .refused(403, "forbidden");
    let carol = api.person("carol").await;
    api.get(&carol, &of_bob.invites).await.refused(404, "not_found");
}
