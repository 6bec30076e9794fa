//! The codes of invited addresses: each has its own, and it comes and goes with the invitation.

use serde_json::{Value, json};

use super::{addresses::logged_in, mails::WithMail};
use crate::rest::{
    api::{Api, Person, request},
    events::{berlin, event, hour, path, text, timeless, with},
};

on_both_databases!(WithMail:
    each_address_has_a_code_of_its_own, every_mail_shows_it_again, it_stands_in_no_list_and_can_not_be_changed,
    a_withdrawn_invitation_shuts_its_guests_out, it_expires_thirty_days_after_the_last_occurrence,
    without_an_end_it_does_not_expire, a_user_needs_none, it_ends_with_the_event);

/// An event of Alice's, and the codes of invited addresses as mails show them.
struct Scene<'a> {
    api: &'a WithMail,
    alice: Person,
    room: String,
    event: String,
}

impl<'a> Scene<'a> {
    async fn set(api: &'a WithMail, body: Value) -> Self {
        let alice = api.person("alice").await;
        let event = event(api, &alice, body).await;
        Self {
            api,
            alice,
            room: text(&event["room"]["id"]).to_owned(),
            event: path(&event),
        }
    }

    /// The clock has gone on so far that access tokens have expired.
    async fn pass(&mut self, seconds: i64) {
        self.api.clock.advance(seconds);
        self.alice = self.api.person("alice").await;
    }

    /// Invites an address. What its mail shows.
    async fn invite(&self, email: &str) -> String {
        let path = format!("{}/invites", self.event);
        let body = json!({"email": email});
        self.api.call(&self.alice, "POST", &path, body).await.expect(201);
        self.mailed(email).await
    }

    async fn change(&self, body: Value) {
        self.api.clock.advance(1);
        let answer = self.api.call(&self.alice, "PATCH", &self.event, body).await;
        answer.expect(200);
    }

    async fn withdraw(&self, email: &str) {
        let path = format!("{}/invites/email", self.event);
        let body = json!({"email": email});
        self.api
            .call(&self.alice, "DELETE", &path, body)
            .await
            .expect(204);
    }

    /// The code in the one mail that this address has got since the last look.
    async fn mailed(&self, email: &str) -> String {
        let mails = self.api.mails().await;
        let mut of_address = mails.iter().filter(|mail| mail["receiver"]["email"] == email);
        let (Some(mail), None) = (of_address.next(), of_address.next()) else {
            panic!("not one mail to {email}: {mails:?}");
        };
        text(&mail["receiver"]["invite_code"]).to_owned()
    }

    /// A guest who has come in by this code comes back with what `start_invited` gave.
    async fn start(&self, code: &str, resumption: Value) -> super::Answer {
        let path = format!("/v1/rooms/{}/start_invited", self.room);
        let body = json!({"invite_code": code, "resumption": resumption});
        self.api.call_anonymously("POST", &path, body).await
    }

    /// All that a guest asks with a code says that it is good.
    async fn opens(&self, code: &str) {
        let verified = verify(self.api, code).await.expect(201);
        assert_eq!(
            verified,
            json!({"room_id": self.room, "password_required": false})
        );
        read(self.api, &self.room, code).await.expect(200);
        self.start(code, Value::Null).await.expect(200);
    }

    /// A guest hears of the refusal before it tries to enter.
    async fn is_refused(&self, code: &str) {
        verify(self.api, code).await.refused(404, "not_found");
        read(self.api, &self.room, code).await.refused(403, "forbidden");
        self.start(code, Value::Null).await.refused(404, "not_found");
    }
}

async fn verify(api: &Api, code: &str) -> super::Answer {
    api.call_anonymously("POST", "/v1/invite/verify", json!({"invite_code": code}))
        .await
}

/// The event of the room, read as a guest.
async fn read(api: &Api, room: &str, code: &str) -> super::Answer {
    let guest = format!("InviteCode {code}");
    let path = format!("/v1/rooms/{room}/event");
    api.send(request("GET", &path, Some(&guest), &Value::Null)).await
}

async fn each_address_has_a_code_of_its_own(api: &WithMail) {
    let scene = Scene::set(api, hour("2027-03-22T10")).await;
    let shared = api.invite(&scene.alice, &scene.room, json!({})).await;
    let first = scene.invite("one@example.org").await;
    let second = scene.invite("two@example.org").await;
    assert!(first != second && ![&first, &second].contains(&&shared));
    for code in [&first, &second, &shared] {
        scene.opens(code).await;
    }
    // Of this room only.
    let other = Scene::set(api, timeless()).await;
    read(api, &other.room, &first).await.refused(403, "forbidden");
    other.start(&first, Value::Null).await.refused(400, "bad_request");
    // The same address has another one there.
    assert_ne!(other.invite("one@example.org").await, first);
    // Users come in as users.
    let bob = api.person("bob").await;
    api.get(&bob, "/v1/users/me").await.expect(200);
    let invites = format!("{}/invites", scene.event);
    let body = json!({"email": "bob@example.org"});
    api.call(&scene.alice, "POST", &invites, body).await.expect(201);
    let [mail] = &api.mails().await[..] else {
        panic!("not one mail");
    };
    assert_eq!(mail["receiver"]["kind"], "registered");
    let codes = "SELECT count(*) FROM event_invites WHERE invite_code IS NOT NULL";
    assert_eq!(api.database.number(codes).await, 3);
}

async fn every_mail_shows_it_again(api: &WithMail) {
    let scene = Scene::set(api, hour("2027-03-22T10")).await;
    let code = scene.invite("one@example.org").await;
    scene.invite("two@example.org").await;
    scene.change(json!({"title": "New", "password": "secret"})).await;
    assert_eq!(scene.mailed("one@example.org").await, code);
    // Who is invited again after a withdrawal is invited anew.
    scene.withdraw("one@example.org").await;
    api.mails().await;
    let again = scene.invite("one@example.org").await;
    assert_ne!(again, code);
    scene.is_refused(&code).await;
    // The room has a password by now.
    let verified = verify(api, &again).await.expect(201);
    assert_eq!(verified["password_required"], true);
    scene
        .start(&again, Value::Null)
        .await
        .refused(401, "wrong_room_password");
}

async fn it_stands_in_no_list_and_can_not_be_changed(api: &WithMail) {
    let scene = Scene::set(api, with(timeless(), &json!({"show_meeting_details": true}))).await;
    let invites = format!("/v1/rooms/{}/invites", scene.room);
    let listed = api.get(&scene.alice, &invites).await.expect(200);
    let shared = text(&listed[0]["invite_code"]).to_owned();
    api.clock.advance(1);
    let code = scene.invite("one@example.org").await;
    let (list, number) = (
        api.get(&scene.alice, &invites).await.expect(200),
        "SELECT count(*) FROM invites",
    );
    assert_eq!(list, listed);
    // Nor is it counted.
    assert_eq!(api.database.number(number).await, 1);
    let one = format!("{invites}/{code}");
    for (method, body) in [
        ("GET", Value::Null),
        ("PUT", json!({"expiration": "2030-01-01T00:00:00Z"})),
        ("DELETE", Value::Null),
    ] {
        api.call(&scene.alice, method, &one, body)
            .await
            .refused(404, "not_found");
    }
    // Who has come in by it learns no other one, which would outlive it.
    let details =
        async |code: &str| read(api, &scene.room, code).await.expect(200)["meeting_details"].clone();
    assert_eq!(details(&code).await.get("invite_code_id"), None);
    assert_eq!(details(&shared).await["invite_code_id"], json!(shared));
    let path = format!("{invites}/{shared}");
    api.call(&scene.alice, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    assert_eq!(details(&code).await.get("invite_code_id"), None);
    scene.opens(&code).await;
}

async fn a_withdrawn_invitation_shuts_its_guests_out(api: &WithMail) {
    let scene = Scene::set(api, hour("2027-03-22T10")).await;
    let code = scene.invite("one@example.org").await;
    let other = scene.invite("two@example.org").await;
    let token = |started: Value| started["resumption"].clone();
    let of_code = token(scene.start(&code, Value::Null).await.expect(200));
    let of_other = token(scene.start(&other, Value::Null).await.expect(200));
    // Its guests come back without a look at the invitation.
    let of_code = token(scene.start(&code, of_code).await.expect(200));
    scene.withdraw("one@example.org").await;
    scene.is_refused(&code).await;
    // Tokens of the living room are void too.
    scene.start(&code, of_code).await.refused(404, "not_found");
    scene.start(&other, of_other).await.expect(200);
    scene.opens(&other).await;
}

const DAY: i64 = 24 * 3_600;

/// 15 January 2027, 8:00 UTC, is when tests begin.
async fn it_expires_thirty_days_after_the_last_occurrence(api: &WithMail) {
    let at = |day: &str| {
        json!({
            "title": "Treffen", "description": "", "is_time_independent": false, "is_all_day": false,
            "starts_at": {"datetime": format!("{day}T07:00:00Z"), "timezone": "UTC"},
            "ends_at": {"datetime": format!("{day}T08:00:00Z"), "timezone": "UTC"},
        })
    };
    let mut scene = Scene::set(api, at("2027-01-16")).await;
    let code = scene.invite("one@example.org").await;
    scene.pass(31 * DAY - 1).await;
    scene.opens(&code).await;
    scene.pass(1).await;
    scene.is_refused(&code).await;
    // It follows the event's times, both ways.
    scene.change(at("2027-01-17")).await;
    scene.opens(&code).await;
    scene.change(at("2027-01-15")).await;
    scene.is_refused(&code).await;
    let thrice = json!({"recurrence_pattern": ["RRULE:FREQ=DAILY;COUNT=3"]});
    scene.change(with(at("2027-01-15"), &thrice)).await;
    scene.opens(&code).await;
    scene.pass(DAY).await;
    scene.is_refused(&code).await;
    // An occurrence that is moved beyond the others is the last one.
    let last = format!("{}/instances/20270117T070000Z", scene.event);
    let later = json!({
        "starts_at": {"datetime": "2027-02-20T07:00:00Z", "timezone": "UTC"},
        "ends_at": {"datetime": "2027-02-20T08:00:00Z", "timezone": "UTC"},
    });
    api.call(&scene.alice, "PATCH", &last, later).await.expect(200);
    scene.opens(&code).await;
}

async fn without_an_end_it_does_not_expire(api: &WithMail) {
    let endless = json!({"recurrence_pattern": ["RRULE:FREQ=WEEKLY"]});
    let series = with(hour("2027-01-18T10"), &endless);
    for (email, body) in [("one@example.org", timeless()), ("two@example.org", series)] {
        let mut scene = Scene::set(api, body).await;
        let code = scene.invite(email).await;
        scene.pass(10 * 365 * DAY).await;
        scene.opens(&code).await;
        // Where it gets an end, that counts.
        let once = json!({
            "is_time_independent": false, "is_all_day": false, "recurrence_pattern": [],
            "starts_at": berlin("2027-01-18T10:00:00"), "ends_at": berlin("2027-01-18T11:00:00"),
        });
        scene.change(once).await;
        scene.is_refused(&code).await;
    }
}

async fn a_user_needs_none(api: &WithMail) {
    let scene = Scene::set(api, timeless()).await;
    let code = scene.invite("eve@example.org").await;
    let other = scene.invite("two@example.org").await;
    let inside = scene.start(&code, Value::Null).await.expect(200);
    logged_in(api, "eve", "eve@example.org", Some(true)).await;
    scene.is_refused(&code).await;
    scene.opens(&other).await;
    // Who is inside already goes on.
    scene.start(&code, inside["resumption"].clone()).await.expect(200);
    scene.change(json!({"title": "New"})).await;
    let mails = api.mails().await;
    let to_eve = mails
        .iter()
        .find(|mail| mail["receiver"]["email"] == "eve@example.org");
    let receiver = &to_eve.expect("a mail")["receiver"];
    assert_eq!(
        (&receiver["kind"], receiver.get("invite_code")),
        (&json!("registered"), None)
    );
}

async fn it_ends_with_the_event(api: &WithMail) {
    let scene = Scene::set(api, timeless()).await;
    let code = scene.invite("one@example.org").await;
    api.call(&scene.alice, "DELETE", &scene.event, Value::Null)
        .await
        .expect(204);
    scene.is_refused(&code).await;
}
