//! What invitees are told by mail, as it stands in the outbox.

use std::time::Duration;

use colloquy::{
    store::address_hash::AddressHash,
    store::{mail_refusals, outbox},
};
use serde_json::{Value, json};

use super::{NOBODY, Scene};
use crate::{databases::Kind, rest::api::Api};

on_both_databases!(WithMail:
    whoever_is_invited_is_told, nothing_changes_and_nobody_is_told, nobody_is_told_when_asked_so,
    whoever_is_uninvited_is_told, whoever_goes_knows_it, what_waits_goes_with_a_quiet_end, whoever_wants_no_mail_is_invited_without_a_word);

/// A server that sends mail, if only into its outbox.
pub(super) struct WithMail(pub(super) Api);

impl std::ops::Deref for WithMail {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.0
    }
}

impl WithMail {
    pub(super) async fn start(kind: Kind) -> Self {
        let api = Api::with(kind, |config| {
            config.mail.host = Some("smtp.example.org".to_owned());
            // A thousand invitations at once.
            config.http.writes_per_second = 0;
        });
        Self(api.await)
    }

    pub(super) async fn finish(self) {
        self.0.finish().await;
    }

    /// The mails since the last call, each once, in any order.
    pub(super) async fn mails(&self) -> Vec<Value> {
        let now = self.state.clock.now();
        let taken = outbox::take(&self.database.db, 100, now, Duration::from_hours(1)).await;
        taken
            .expect("a query")
            .into_iter()
            .map(|taken| taken.mail)
            .collect()
    }

    /// Alice's event with bob, who knows already.
    async fn scene(&self) -> Scene {
        let scene = Scene::set(self).await;
        self.mails().await;
        scene
    }
}

async fn whoever_is_invited_is_told(api: &WithMail) {
    let scene = Scene::set(api).await;
    let bob = api.get(&scene.bob, "/v1/users/me").await.expect(200);
    let [mail] = &api.mails().await[..] else {
        panic!("not one mail");
    };
    assert_eq!(
        (&mail["kind"], &mail["event"]["id"], &mail["event"]["title"]),
        (&json!("invite"), &json!(scene.event), &json!("Chess"))
    );
    let receiver = json!({
        "kind": "registered", "id": bob["id"], "email": bob["email"], "name": bob["display_name"], "language": bob["language"],
    });
    assert_eq!(mail["receiver"], receiver);
    scene
        .post(api, json!({"email": "Guest@example.org"}))
        .await
        .expect(201);
    let [mail] = &api.mails().await[..] else {
        panic!("not one mail");
    };
    let receiver = json!({
        "kind": "external", "email": "guest@example.org", "invite_code": mail["receiver"]["invite_code"],
    });
    assert_eq!((&mail["kind"], &mail["receiver"]), (&json!("invite"), &receiver));
    assert!(receiver["invite_code"].is_string(), "{receiver}");
}

async fn nothing_changes_and_nobody_is_told(api: &WithMail) {
    let scene = api.scene().await;
    let bob = api.id_of(&scene.bob).await;
    scene.post(api, json!({"invitee": bob})).await.expect(204);
    scene.post(api, json!({"invitee": NOBODY})).await.expect(404);
    scene.post(api, json!({})).await.expect(422);
    let email = json!({"email": "nobody@example.org"});
    let path = format!("{}/email", scene.path);
    api.call(&scene.alice, "DELETE", &path, email).await.expect(404);
    assert_eq!(api.mails().await, Vec::<Value>::new());
}

async fn nobody_is_told_when_asked_so(api: &WithMail) {
    let scene = api.scene().await;
    let quietly = "?suppress_email_notification=true";
    let body = json!({"email": "a@example.org"});
    for (method, path) in [
        ("POST", scene.path.clone()),
        ("DELETE", format!("{}/email", scene.path)),
    ] {
        let path = format!("{path}{quietly}");
        let answer = api.call(&scene.alice, method, &path, body.clone()).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    let path = format!("{}/{}{quietly}", scene.path, api.id_of(&scene.bob).await);
    api.call(&scene.alice, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    assert_eq!(api.mails().await, Vec::<Value>::new());
}

async fn whoever_is_uninvited_is_told(api: &WithMail) {
    let scene = Scene::set(api).await;
    let email = json!({"email": "guest@example.org"});
    scene.post(api, email.clone()).await.expect(201);
    let invited = api.mails().await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    api.call(&scene.alice, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    let path = format!("{}/email", scene.path);
    api.call(&scene.alice, "DELETE", &path, email).await.expect(204);
    let told = api.mails().await;
    assert_eq!(told.len(), 2);
    for mail in &told {
        assert_eq!(mail["kind"], "uninvite");
        let before = invited
            .iter()
            .find(|before| before["receiver"] == mail["receiver"]);
        let before = before.expect("the same receiver");
        // Calendars follow the higher number.
        assert!(
            mail["event"]["revision"].as_i64() > before["event"]["revision"].as_i64(),
            "{mail}"
        );
    }
}

async fn whoever_goes_knows_it(api: &WithMail) {
    let scene = api.scene().await;
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    api.call(&scene.bob, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    assert_eq!(api.mails().await, Vec::<Value>::new());
}

async fn what_waits_goes_with_a_quiet_end(api: &WithMail) {
    // Bob's invitation has not gone out yet.
    let scene = Scene::set(api).await;
    for email in ["one@example.org", "two@example.org"] {
        scene.post(api, json!({"email": email})).await.expect(201);
    }
    let path = format!("{}/{}", scene.path, api.id_of(&scene.bob).await);
    api.call(&scene.bob, "DELETE", &path, Value::Null)
        .await
        .expect(204);
    let path = format!("{}/email?suppress_email_notification=true", scene.path);
    let body = json!({"email": "one@example.org"});
    api.call(&scene.alice, "DELETE", &path, body).await.expect(204);
    let [mail] = &api.mails().await[..] else {
        panic!("not one mail");
    };
    assert_eq!(mail["receiver"]["email"], "two@example.org");
}

async fn whoever_wants_no_mail_is_invited_without_a_word(api: &WithMail) {
    let alice = api.person("alice").await;
    let bob = api.person("bob").await;
    api.get(&bob, "/v1/users/me").await.expect(200);
    for email in ["bob@example.org", "Guest@example.org"] {
        let refused = mail_refusals::add(&api.database.db, AddressHash::of(email), api.state.clock.now());
        refused.await.expect("a transaction");
    }
    let event = api.event(&alice).await;
    let path = format!("/v1/events/{event}");
    let mut answers = Vec::new();
    for email in ["bob@example.org", "guest@example.org", "other@example.org"] {
        let body = json!({"email": email});
        let answer = api.call(&alice, "POST", &format!("{path}/invites"), body).await;
        let names: Vec<_> = answer.headers.keys().cloned().collect();
        answers.push((answer.status, names, answer.body));
    }
    assert_eq!(answers[0].0, 201);
    // Whoever invites learns nothing of it.
    assert!(answers.iter().all(|answer| *answer == answers[2]), "{answers:?}");
    api.clock.advance(1);
    api.call(&alice, "PATCH", &path, json!({"title": "New"}))
        .await
        .expect(200);
    let mails = api.mails().await;
    assert!(!mails.is_empty());
    for mail in mails {
        assert_eq!(mail["receiver"]["email"], "other@example.org");
    }
    api.get(&bob, &path).await.expect(200);
}
