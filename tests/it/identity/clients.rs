//! What the API answers to tokens that are genuine and not for it: 403, as clients meet 401 with a new token without end.

use serde_json::{Value, json};

use super::{
    forge::Key,
    issuer::{FakeIssuer, header},
};
use crate::{
    databases::Kind,
    rest::api::{Api, Person, request},
};

on_both_databases!(World:
    refusals_that_last_are_403_and_say_why, services_are_no_people, services_are_judged_by_their_role,
    logins_are_for_the_same_clients, what_may_be_a_new_key_is_503);

const ME: &str = "/v1/users/me";
const RECORDING: &str = "/v1/services/recording/start";

/// The API with an issuer beside it, whose tokens a test makes.
struct World {
    api: Api,
    issuer: FakeIssuer,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let (mut api, issuer) = (Api::start(kind).await, FakeIssuer::start().await);
        api.verify_with(issuer.verifier_with(|oidc| oidc.clients = vec!["app".to_owned()]));
        Self { api, issuer }
    }

    async fn finish(self) {
        self.api.finish().await;
    }

    /// An access token for `client` with these roles.
    fn token(&self, client: &str, roles: &[&str]) -> Person {
        let mut claims = self.issuer.claims_with("azp", json!(client));
        claims["realm_access"] = json!({"roles": roles});
        Person {
            access_token: self.issuer.token(&claims),
            id_token: String::new(),
        }
    }

    async fn users(&self) -> i64 {
        self.api.database.number("SELECT count(*) FROM users").await
    }

    async fn record(&self, person: &Person) -> (u16, String) {
        let room = json!({"room_id": "00000000-0000-4000-8000-000000000000"});
        let answer = self.api.call(person, "POST", RECORDING, room).await;
        let message = answer.body["message"].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), message)
    }
}

async fn refusals_that_last_are_403_and_say_why(world: &World) {
    let token = |name: &str, value: Value| Person {
        access_token: world.issuer.token(&world.issuer.claims_with(name, value)),
        id_token: String::new(),
    };
    let far = world.issuer.clock.seconds() + 48 * 3_600;
    let mut long = world.issuer.claims_with("azp", json!("Frontend"));
    long["exp"] = json!(far);
    let long = Person {
        access_token: world.issuer.token(&long),
        id_token: String::new(),
    };
    for (person, setting) in [
        (token("azp", json!("grafana")), "oidc.clients"),
        (token("azp", Value::Null), "oidc.clients"),
        (token("cnf", json!({"jkt": "x"})), "cnf"),
        (long, "oidc.token_lifetime_max_secs"),
    ] {
        let answer = world.api.get(&person, ME).await;
        answer.refused(403, "forbidden");
        let message = answer.body["message"].as_str().expect("a message");
        assert!(message.contains(setting), "{message}");
    }
    for (name, value) in [
        ("exp", json!(1)),
        ("typ", json!("Logout")),
        ("iss", json!("https://x.example")),
    ] {
        world
            .api
            .get(&token(name, value), ME)
            .await
            .refused(401, "unauthorized");
    }
    assert_eq!(world.users().await, 0);
    for client in ["app", "Frontend"] {
        world
            .api
            .get(&world.token(client, &["offline_access"]), ME)
            .await
            .expect(200);
    }
    assert_eq!(world.users().await, 1);
}

async fn services_are_no_people(world: &World) {
    for role in ["opentalk-recorder", "opentalk-call-in"] {
        let service = world.token("Frontend", &["offline_access", role]);
        for path in [ME, "/v1/users", "/v1/rooms", "/v1/events", "/v1/turn"] {
            let answer = world.api.get(&service, path).await;
            answer.refused(403, "forbidden");
            let message = answer.body["message"].as_str().expect("a message");
            assert!(message.contains("/v1/services"), "{message}");
        }
        let path = "/v1/rooms/00000000-0000-4000-8000-000000000000/start";
        let answer = world.api.call(&service, "POST", path, json!({})).await;
        answer.refused(403, "forbidden");
    }
    assert_eq!(world.users().await, 0);
}

async fn services_are_judged_by_their_role(world: &World) {
    // Whatever the client is, also of one that people may not have.
    for client in ["recorder", "Frontend"] {
        let (status, message) = world.record(&world.token(client, &["opentalk-recorder"])).await;
        assert_eq!(status, 404, "{message}");
    }
    // The role of a client instead of the realm's, another role, or none.
    let mut of_client = world.issuer.claims_with("azp", json!("recorder"));
    of_client["resource_access"] = json!({"recorder": {"roles": ["opentalk-recorder"]}});
    let of_client = Person {
        access_token: world.issuer.token(&of_client),
        id_token: String::new(),
    };
    for person in [
        of_client,
        world.token("recorder", &["opentalk-call-in"]),
        world.token("Frontend", &[]),
    ] {
        let (status, message) = world.record(&person).await;
        assert_eq!(status, 403, "{message}");
        assert!(
            message.contains("opentalk-recorder") && message.contains("realm_access.roles"),
            "{message}"
        );
    }
    assert_eq!(world.users().await, 0);
}

async fn logins_are_for_the_same_clients(world: &World) {
    let log_in = async |client: &str, roles: &[&str]| {
        let mut claims = world.issuer.claims_with("aud", json!(client));
        claims["typ"] = json!("ID");
        claims["realm_access"] = json!({"roles": roles});
        let body = json!({"id_token": world.issuer.token(&claims)});
        world.api.call_anonymously("POST", "/v1/auth/login", body).await
    };
    log_in("grafana", &[]).await.refused(403, "forbidden");
    log_in("Frontend", &["opentalk-recorder"])
        .await
        .refused(403, "forbidden");
    assert_eq!(world.users().await, 0);
    log_in("app", &[]).await.expect(200);
    log_in("Frontend", &["offline_access"]).await.expect(200);
    assert_eq!(world.users().await, 1);
}

async fn what_may_be_a_new_key_is_503(world: &World) {
    world.api.get(&world.token("app", &[]), ME).await.expect(200);
    let next = Key::ec();
    let claims = world.issuer.claims_with("azp", json!("app"));
    let bearer = format!("Bearer {}", next.token(&header("ES256", "next"), &claims));
    let ask = async || {
        world
            .api
            .send(request("GET", ME, Some(&bearer), &Value::Null))
            .await
    };
    world.issuer.answers().keys = json!({"keys": [next.jwk("next")]});
    let answer = ask().await;
    answer.refused(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "10");
    world.issuer.clock.advance(10);
    ask().await.expect(200);
}
