//! Logins that end before their tokens: by the provider's notice, and by what its userinfo says.

use std::time::Duration;

use chrono::Utc;
use colloquy::{
    identity::{TokenError, Verifier},
    store::{
        Db,
        void_sessions::{self, Ended, VoidSession},
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    forge::{Key, claims_of},
    issuer::FakeIssuer,
};
use crate::{
    databases::Kind,
    support::{
        participant::Participant,
        rest::{Answer, Rest, receive},
        server::Server,
    },
};

on_both_databases!(World:
    a_log_out_ends_the_tokens_of_its_login, a_subject_may_log_out_everywhere, what_is_no_log_out_ends_nothing,
    a_log_out_by_a_key_that_is_not_known_yet_is_no_bad_one, many_log_outs_at_once_are_all_heard, an_ended_login_stays_ended_over_a_restart,
    what_another_process_stores_counts_soon, a_meeting_goes_on_but_nobody_comes_back_to_it);

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Longer than a server has for hearing of a log-out by the database, five times.
const DEADLINE: Duration = Duration::from_secs(50);

/// A server whose users are of an issuer that tells it of log-outs.
struct World {
    server: Server,
    issuer: FakeIssuer,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let issuer = FakeIssuer::start().await;
        let environment = [
            ("COLLOQUY_OIDC__AUTHORITY", issuer.url.as_str()),
            ("COLLOQUY_OIDC__CLIENTS", r#"["desktop"]"#),
        ];
        let server = Server::start_with(kind, &environment).await;
        Self { server, issuer }
    }

    async fn finish(self) {
        self.server.finish().await;
    }

    /// An access token of ada, made so many seconds ago, with other claims besides.
    fn token(&self, ago: i64, more: &Value) -> String {
        let now = Utc::now().timestamp();
        let mut claims = json!({
            "iss": self.issuer.url, "aud": "Frontend", "azp": "Frontend", "sub": "ada", "sid": "s1", "iat": now - ago,
            "exp": now + 600, "jti": uuid::Uuid::new_v4(), "email": "ada@example.org", "name": "Ada",
        });
        extend(&mut claims, more);
        self.issuer.token(&claims)
    }

    fn bearer(&self, ago: i64, more: &Value) -> Rest {
        let token = self.token(ago, more);
        self.server
            .anonymous()
            .with_authorization(&format!("Bearer {token}"))
    }

    /// A log-out token of ada's login, made three seconds ago, with other claims besides.
    fn notice(&self, more: &Value) -> String {
        let now = Utc::now().timestamp();
        let mut claims = json!({
            "iss": self.issuer.url, "aud": "Frontend", "sub": "ada", "sid": "s1", "iat": now - 3, "exp": now + 120,
            "jti": uuid::Uuid::new_v4(), "events": {EVENT: {}},
        });
        extend(&mut claims, more);
        self.issuer.ec.token(&logout_header(), &claims)
    }

    async fn tell(&self, notice: &str) -> Answer {
        let request = self.server.anonymous().request(Method::POST, "/v1/auth/logout");
        receive(
            request.form(&[("logout_token", notice)]),
            "POST logout".to_owned(),
        )
        .await
    }
}

fn logout_header() -> Value {
    json!({"alg": "ES256", "typ": "logout+jwt", "kid": "ec"})
}

fn extend(claims: &mut Value, more: &Value) {
    let claims = claims.as_object_mut().expect("claims");
    for (name, value) in more.as_object().expect("claims") {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}

async fn status(person: &Rest) -> u16 {
    person.get("/v1/users/me").await.status
}

async fn a_log_out_ends_the_tokens_of_its_login(world: &World) {
    let seen = world.bearer(10, &json!({}));
    let unseen = world.bearer(5, &json!({}));
    let renewed = world.bearer(0, &json!({}));
    let elsewhere = world.bearer(10, &json!({"sid": "s2"}));
    let desktop = world.bearer(10, &json!({"azp": "desktop"}));
    let bob = world.bearer(
        10,
        &json!({"sub": "bob", "sid": "s3", "email": "bob@example.org"}),
    );
    for person in [&seen, &elsewhere, &desktop, &bob] {
        assert_eq!(status(person).await, 200);
    }
    let notice = world.notice(&json!({}));
    for _ in 0..2 {
        let told = world.tell(&notice).await;
        assert_eq!((told.status, told.text.as_str()), (204, ""));
    }
    for person in [&seen, &unseen] {
        let refused = person.get("/v1/users/me").await;
        let challenge = refused.headers["www-authenticate"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(challenge.contains("the login has ended"), "{challenge}");
        refused.expect_error(401, "unauthorized");
    }
    for person in [&elsewhere, &desktop, &bob, &renewed] {
        assert_eq!(status(person).await, 200);
    }
    // An ID token of the login logs nobody in again.
    let id_token = world.token(10, &json!({"azp": null, "typ": "ID"}));
    let login = json!({"id_token": id_token});
    let refused = world.server.anonymous().post("/v1/auth/login", login).await;
    refused.expect_error(401, "unauthorized");
}

async fn a_subject_may_log_out_everywhere(world: &World) {
    let people = [
        world.bearer(10, &json!({})),
        world.bearer(10, &json!({"sid": "s2"})),
        world.bearer(10, &json!({"sid": null})),
    ];
    let others = [
        world.bearer(10, &json!({"azp": "desktop"})),
        world.bearer(10, &json!({"sub": "bob", "email": "bob@example.org"})),
    ];
    let notice = world.notice(&json!({"sid": null}));
    assert_eq!(world.tell(&notice).await.status, 204);
    for person in &people {
        assert_eq!(status(person).await, 401);
    }
    for person in &others {
        assert_eq!(status(person).await, 200);
    }
    // One notice may speak of several clients.
    let notice = world.notice(&json!({"sid": null, "aud": ["desktop", "unknown"]}));
    assert_eq!(world.tell(&notice).await.status, 204);
    assert_eq!((status(&others[0]).await, status(&others[1]).await), (401, 200));
}

async fn what_is_no_log_out_ends_nothing(world: &World) {
    let ada = world.bearer(10, &json!({}));
    let now = Utc::now().timestamp();
    for change in [
        json!({"iss": "https://other.example"}),
        json!({"aud": "stranger"}),
        json!({"iat": now - 200}),
        json!({"iat": now + 600}),
        json!({"exp": now - 60}),
        json!({"nonce": "n"}),
        json!({"events": null}),
        json!({"sid": null, "sub": null}),
    ] {
        let told = world.tell(&world.notice(&change)).await;
        assert_eq!(told.status, 400, "{change}: {}", told.text);
        told.expect_error(400, "bad_request");
    }
    let claims = claims_of(&world.notice(&json!({})));
    let forged = Key::ec().token(&logout_header(), &claims);
    let no_notice = world.token(10, &json!({}));
    for token in [
        forged.as_str(),
        no_notice.as_str(),
        "",
        "x.y.z",
        &"x".repeat(40_000),
    ] {
        world.tell(token).await.expect_error(400, "bad_request");
    }
    let request = world.server.anonymous().request(Method::POST, "/v1/auth/logout");
    let as_json = request.json(&json!({"logout_token": world.notice(&json!({}))}));
    receive(as_json, "POST logout".to_owned())
        .await
        .expect_error(400, "bad_request");
    assert_eq!(status(&ada).await, 200);
    // Nor does a log-out that says nothing of its type let anybody in.
    let untyped = world.issuer.ec.token(
        &json!({"alg": "ES256", "kid": "ec"}),
        &claims_of(&world.notice(&json!({}))),
    );
    let bearer = world
        .server
        .anonymous()
        .with_authorization(&format!("Bearer {untyped}"));
    assert_eq!(status(&bearer).await, 401);
}

/// The provider has a new key, which may not be asked for yet: what can't be judged is not refused for good.
async fn a_log_out_by_a_key_that_is_not_known_yet_is_no_bad_one(world: &World) {
    let claims = claims_of(&world.notice(&json!({})));
    let header = json!({"alg": "ES256", "typ": "logout+jwt", "kid": "new"});
    let stranger = Key::ec();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let told = world.tell(&stranger.token(&header, &claims)).await;
        answers.push((told.status, told.headers.contains_key("retry-after")));
    }
    // The first one made the server ask, unless it just had.
    assert_eq!(answers[1], (503, true), "{answers:?}");
}

async fn many_log_outs_at_once_are_all_heard(world: &World) {
    let logins: Vec<_> = (0..60).map(|n| format!("login {n}")).collect();
    let told = logins.iter().map(|login| {
        let notice = world.notice(&json!({"sid": login}));
        async move { world.tell(&notice).await.status }
    });
    for status in futures_util::future::join_all(told).await {
        assert_eq!(status, 204);
    }
    for login in &logins {
        assert_eq!(
            status(&world.bearer(10, &json!({"sid": login}))).await,
            401,
            "{login}"
        );
    }
}

async fn an_ended_login_stays_ended_over_a_restart(world: &World) {
    let ada = world.bearer(10, &json!({}));
    assert_eq!(status(&ada).await, 200);
    assert_eq!(world.tell(&world.notice(&json!({}))).await.status, 204);
    world.server.kill9();
    world.server.restart().await;
    assert_eq!(status(&ada).await, 401);
}

async fn what_another_process_stores_counts_soon(world: &World) {
    let ada = world.bearer(10, &json!({}));
    assert_eq!(status(&ada).await, 200);
    let db = Db::connect(&world.server.database(), &world.server.data_dir())
        .await
        .expect("a database");
    let void = VoidSession {
        issuer: world.issuer.url.clone(),
        client: "Frontend".to_owned(),
        ended: Ended::Session("s1".to_owned()),
        iat: Utc::now().timestamp(),
        at: Utc::now(),
    };
    void_sessions::insert(&db, vec![void]).await.expect("stored");
    db.close().await;
    let deadline = Instant::now() + DEADLINE;
    while status(&ada).await != 401 {
        assert!(Instant::now() < deadline, "the server does not hear of it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_meeting_goes_on_but_nobody_comes_back_to_it(world: &World) {
    let ada = world.bearer(10, &json!({}));
    let room = ada.post("/v1/rooms", json!({})).await.expect(201);
    let room = format!("/v1/rooms/{}", room["id"].as_str().expect("an id"));
    let start = format!("{room}/start");
    let ticket = ada.post(&start, json!({})).await.expect(200);
    let mut inside = Participant::connect(&world.server.address(), &ticket).await;
    inside.join("Ada").await;
    assert_eq!(world.tell(&world.notice(&json!({}))).await.status, 204);

    inside.say("still here").await;
    let again = json!({"resumption": inside.resumption});
    ada.post(&start, again.clone())
        .await
        .expect_error(401, "unauthorized");
    let nobody = world.server.anonymous();
    nobody.post(&start, again).await.expect_error(401, "unauthorized");
    // Nor by the door for guests, where the token of a login is not asked for.
    let guest = json!({"resumption": inside.resumption, "invite_code": uuid::Uuid::new_v4()});
    let invited = format!("{room}/start_invited");
    ada.post(&invited, guest.clone())
        .await
        .expect_error(404, "not_found");
    nobody.post(&invited, guest).await.expect_error(404, "not_found");
    // Whoever logs in again comes back.
    let renewed = world.bearer(0, &json!({"sid": "s9"}));
    let back = json!({"resumption": inside.resumption});
    renewed.post(&start, back).await.expect(200);
}

/// An access token without a whole profile, good for an hour.
fn lacking(issuer: &FakeIssuer, client: &str, session: &str) -> String {
    let mut claims = issuer.claims_with("email", Value::Null);
    let exp = issuer.clock.seconds() + 3_600;
    let more =
        json!({"azp": client, "sid": session, "scope": "openid", "exp": exp, "jti": uuid::Uuid::new_v4()});
    extend(&mut claims, &more);
    issuer.token(&claims)
}

/// Why a token is refused once userinfo has been asked about it, where it is time to.
async fn refusal(verifier: &Verifier, token: &str) -> Option<TokenError> {
    let mut presented = match verifier.verify(token).await {
        Ok(presented) => presented,
        Err(error) => return Some(error),
    };
    if let Some(question) = presented.take_question() {
        question.over().await;
    }
    verifier.verify_access_token(token).await.err()
}

#[tokio::test]
async fn userinfo_that_refuses_ends_a_login_where_it_has_answered_before() {
    let issuer = FakeIssuer::start().await;
    let verifier = issuer.verifier();
    issuer.answers().userinfo = Some(json!({"sub": "s1", "email": "ada@example.org"}));
    issuer.answers().refuses = true;
    // Nobody has been answered yet: some providers want another audience there.
    assert_eq!(refusal(&verifier, &lacking(&issuer, "Frontend", "0")).await, None);
    issuer.answers().refuses = false;
    let answered = lacking(&issuer, "Frontend", "1");
    assert_eq!(refusal(&verifier, &answered).await, None);
    issuer.answers().refuses = true;
    // Another client's tokens were never answered.
    assert_eq!(refusal(&verifier, &lacking(&issuer, "other", "2")).await, None);
    // Longer than any pause between two questions about a login.
    issuer.clock.advance(361);
    let refused = lacking(&issuer, "Frontend", "1");
    let ended = Some(TokenError::Invalid("the login has ended"));
    assert_eq!(refusal(&verifier, &refused).await, ended);
    let of_same_login = verifier.verify_access_token(&answered).await;
    assert_eq!(of_same_login.err(), ended);
    // Who logs in again has newer tokens.
    issuer.clock.advance(361);
    issuer.answers().refuses = false;
    assert_eq!(refusal(&verifier, &lacking(&issuer, "Frontend", "1")).await, None);
    assert_eq!(verifier.verify_access_token(&refused).await.err(), ended);
}
