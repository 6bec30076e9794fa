//! Addresses of people whom the identity provider knows.

use colloquy::config::Config;
use serde_json::{Value, json};

use super::{Scene, addresses::logged_in};
use crate::{
    databases::Kind,
    rest::{answer::Answer, api::Api},
    support::directory::{FakeDirectory, Mood},
};

on_both_databases!(Known:
    an_invited_address_has_the_names_of_the_directory, names_are_those_of_the_invitation,
    an_invitation_does_without_a_directory_that_is_away, whoever_has_been_here_is_not_shown_as_a_stranger,
    names_go_when_the_address_becomes_a_users);

/// A server that asks a directory, and alice's event there.
struct Known {
    api: Api,
    directory: FakeDirectory,
    scene: Scene,
}

impl Known {
    async fn start(kind: Kind) -> Self {
        Self::with(kind, |_| {}).await
    }

    async fn with(kind: Kind, configure: impl FnOnce(&mut Config)) -> Self {
        let directory = FakeDirectory::start().await;
        let api = Api::with(kind, |config| {
            directory.configure(config);
            configure(config);
        })
        .await;
        let scene = Scene::set(&api).await;
        Self {
            api,
            directory,
            scene,
        }
    }

    async fn finish(self) {
        self.api.finish().await;
    }

    async fn invite(&self, email: &str) -> Answer {
        self.scene.post(&self.api, json!({"email": email})).await
    }

    /// The profile of whoever was invited last.
    async fn last(&self) -> Value {
        self.scene.last(&self.api).await
    }
}

async fn an_invited_address_has_the_names_of_the_directory(known: &Known) {
    let (api, directory) = (&known.api, &known.directory);
    directory.add("ada", "Ada\u{200b}", "Lovelace");
    directory.add("adam", "", "");
    known.invite("ADA@example.org").await.expect(201);
    let expected = json!({
        "kind": "unregistered", "email": "ada@example.org", "firstname": "Ada", "lastname": "Lovelace",
        // md5 of the address.
        "avatar_url": "https://seccdn.libravatar.org/avatar/5bfcf2d8e394674550332640d72db509",
    });
    let profile = known.last().await;
    assert_eq!(profile, expected);
    // Also in the event itself.
    let event = format!("/v1/events/{}?invitees_max=9", known.scene.event);
    let event = api.get(&known.scene.alice, &event).await.expect(200);
    assert_eq!(event["invitees"][1]["profile"], profile);
    known.invite("adam@example.org").await.expect(201);
    let adam = known.last().await;
    assert_eq!(
        (&adam["kind"], &adam["firstname"], &adam["lastname"]),
        (&json!("unregistered"), &json!(""), &json!(""))
    );
    known.invite("nobody@example.org").await.expect(201);
    assert_eq!(known.last().await["kind"], "email");
    // Users of this server need no directory.
    let before = directory.questions().len();
    known.invite("bob@example.org").await.expect(204);
    assert_eq!(directory.questions().len(), before);
}

async fn names_are_those_of_the_invitation(known: &Known) {
    known.directory.add("ada", "Ada", "Byron");
    known.invite("ada@example.org").await.expect(201);
    known.directory.realm().people.clear();
    known.directory.add("ada", "Ada", "Lovelace");
    known.api.clock.advance(30);
    known.invite("ada@example.org").await.expect(204);
    assert_eq!(known.last().await["lastname"], "Byron");
}

async fn an_invitation_does_without_a_directory_that_is_away(known: &Known) {
    let directory = &known.directory;
    directory.add("ada", "Ada", "Lovelace");
    for mood in [Mood::Silent, Mood::Refusing(500)] {
        directory.be(mood);
        let email = "ada@example.org";
        known.invite(email).await.expect(201);
        assert_eq!(known.last().await["kind"], "email", "{mood:?}");
        let path = format!("{}/email", known.scene.path);
        let body = json!({"email": email});
        known
            .api
            .call(&known.scene.alice, "DELETE", &path, body)
            .await
            .expect(204);
        known.api.clock.advance(5);
    }
}

async fn whoever_has_been_here_is_not_shown_as_a_stranger(known: &Known) {
    let (api, directory) = (&known.api, &known.directory);
    directory.add("ada", "Ada", "Lovelace");
    // By the subject, under the address that she had then.
    logged_in(api, "id-ada", "byron@example.org", Some(true)).await;
    let issuer = directory.issuer();
    let own = format!("UPDATE users SET issuer = '{issuer}' WHERE subject = 'id-ada'");
    api.database.execute(&own).await;
    known.invite("ada@example.org").await.expect(201);
    assert_eq!(known.last().await["kind"], "email");
}

async fn names_go_when_the_address_becomes_a_users(known: &Known) {
    let (api, directory) = (&known.api, &known.directory);
    directory.add("ada", "Ada", "Lovelace");
    known.invite("ada@example.org").await.expect(201);
    let ada = logged_in(api, "ada", "ada@example.org", Some(true)).await;
    let profile = known.last().await;
    assert_eq!(
        (&profile["kind"], &profile["id"]),
        (&json!("registered"), &json!(ada.profile.id))
    );
    let left = "SELECT count(*) FROM event_invites WHERE firstname IS NOT NULL OR lastname IS NOT NULL";
    assert_eq!(api.database.number(left).await, 0);
}

/// Where only people may be invited who are known.
async fn with_acquaintances_only(kind: Kind) {
    let known = Known::with(kind, |config| config.mail.external_invitations = false).await;
    let (api, directory) = (&known.api, &known.directory);
    let carol = api.person("carol").await;
    api.get(&carol, "/v1/users/me").await.expect(200);
    api.move_to_another_tenant(&carol).await;
    directory.add("ada", "Ada", "Lovelace");
    directory.add_of("else", "tenant_id", &["other"]);
    logged_in(api, "silent", "silent@example.org", None).await;
    for (email, status) in [
        ("nobody@example.org", 403),
        // Known here and there, of another tenant.
        ("carol@example.org", 403),
        ("else@example.org", 403),
        ("ada@example.org", 201),
        ("silent@example.org", 201),
        // Invited already.
        ("bob@example.org", 204),
    ] {
        let answer = known.invite(email).await;
        if status == 403 {
            answer.refused(403, "forbidden");
        } else {
            answer.expect(status);
        }
    }
    assert_eq!(known.scene.emails(api, "").await.len(), 3);
    // A user is invited by id as ever.
    let dora = api.person("dora").await;
    let body = json!({"invitee": api.id_of(&dora).await});
    known.scene.post(api, body).await.expect(201);
    directory.be(Mood::Refusing(500));
    let away = known.invite("other@example.org").await;
    away.refused(503, "service_unavailable");
    assert_eq!(away.headers["retry-after"], "5");
    // Who is known here does not need the directory.
    known.invite("dora@example.org").await.expect(204);
    assert_eq!(known.scene.emails(api, "").await.len(), 4);
    known.finish().await;
}

#[tokio::test]
async fn only_acquaintances_may_be_invited_on_sqlite() {
    with_acquaintances_only(Kind::Sqlite).await;
}

#[tokio::test]
async fn only_acquaintances_may_be_invited_on_postgres() {
    with_acquaintances_only(Kind::Postgres).await;
}

#[tokio::test]
async fn without_a_directory_only_users_may_be_invited() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let mut api = Api::start(kind).await;
        let scene = Scene::set(&api).await;
        scene
            .post(&api, json!({"email": "before@example.org"}))
            .await
            .expect(201);
        api.reconfigure(|config| config.mail.external_invitations = false);
        let refused = scene.post(&api, json!({"email": "nobody@example.org"})).await;
        refused.refused(403, "forbidden");
        logged_in(&api, "eve", "eve@example.org", Some(true)).await;
        scene
            .post(&api, json!({"email": "EVE@example.org"}))
            .await
            .expect(201);
        assert_eq!(scene.emails(&api, "").await.len(), 3);
        // What was there before goes on, and can be ended.
        let path = format!("{}/email", scene.path);
        let body = json!({"email": "before@example.org"});
        api.call(&scene.alice, "DELETE", &path, body).await.expect(204);
        api.finish().await;
    }
}
