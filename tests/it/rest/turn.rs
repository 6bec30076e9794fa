//! `GET /v1/turn`.

use std::process::Command;

use colloquy::{
    config::{Turn, TurnServer},
    secrets::Secret,
};
use serde_json::{Value, json};

use super::api::{Api, Person, request};
use crate::databases::Kind;

on_both_databases!(Api: without_servers_there_is_nothing_to_tell, only_callers_who_say_who_they_are);

const PATH: &str = "/v1/turn";

async fn without_servers_there_is_nothing_to_tell(api: &Api) {
    let alice = api.person("alice").await;
    assert_eq!(api.get(&alice, PATH).await.expect(204), Value::Null);
    let room = api.room(&alice, json!({})).await;
    let guest = format!("InviteCode {}", api.invite(&alice, &room, json!({})).await);
    let answer = api.send(request("GET", PATH, Some(&guest), &Value::Null)).await;
    assert_eq!(answer.expect(204), Value::Null);
}

async fn only_callers_who_say_who_they_are(api: &Api) {
    api.needs_a_user("GET", PATH).await;
}

async fn with_servers(kind: Kind) -> Api {
    let server = |host: &str, secret: &str| TurnServer {
        uris: vec![
            format!("turn:{host}:3478?transport=udp"),
            format!("turns:{host}:5349"),
        ],
        secret: Secret::new(secret),
        ..TurnServer::default()
    };
    Api::with(kind, |config| {
        config.turn = Turn {
            lifetime_secs: 600,
            servers: vec![
                server("north.example.org", "north"),
                server("süd.example.org", "süd"),
            ],
            stun_uris: vec!["stun:stun.example.org".to_owned()],
        };
    })
    .await
}

/// The password as another implementation computes it.
fn password(secret: &str, username: &str) -> String {
    let program = "import sys, hmac, base64; \
        print(base64.b64encode(hmac.new(sys.argv[1].encode(), sys.argv[2].encode(), 'sha1').digest()).decode())";
    let python = std::env::var("COLLOQUY_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .args(["-c", program, secret, username])
        .output()
        .expect("Python");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

async fn servers(api: &Api, authorization: &str) -> Value {
    let answer = api
        .send(request("GET", PATH, Some(authorization), &Value::Null))
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.expect(200)
}

fn bearer(person: &Person) -> String {
    format!("Bearer {}", person.access_token)
}

async fn credentials_open_each_server(kind: Kind) {
    let api = with_servers(kind).await;
    let alice = api.person("alice").await;
    let list = servers(&api, &bearer(&alice)).await;
    // 2027-01-15T08:00:00Z, and ten minutes.
    let username = list[0]["username"].as_str().expect("a name");
    let (expiry, who) = username.split_once(':').expect("two parts");
    assert_eq!(expiry, (1_800_000_000 + 600).to_string());
    let expected = json!([
        {
            "username": username, "password": password("north", username), "ttl": 600,
            "uris": ["turn:north.example.org:3478?transport=udp", "turns:north.example.org:5349"],
        },
        {
            "username": username, "password": password("süd", username), "ttl": 600,
            "uris": ["turn:süd.example.org:3478?transport=udp", "turns:süd.example.org:5349"],
        },
        {"uris": ["stun:stun.example.org"]},
    ]);
    assert_eq!(list, expected);

    // The same caller has the same name later on, others have others, and none says who it is.
    api.clock.advance(60);
    let later = servers(&api, &bearer(&alice)).await;
    assert_eq!(later[0]["username"], format!("{}:{who}", 1_800_000_000 + 660));
    let room = api.room(&alice, json!({})).await;
    let code = api.invite(&alice, &room, json!({})).await;
    let me = api.get(&alice, "/v1/users/me").await.expect(200);
    let guests = servers(&api, &format!("InviteCode {code}")).await;
    let bobs = servers(&api, &bearer(&api.person("bob").await)).await;
    for other in [&guests, &bobs] {
        assert_ne!(other[0]["username"], later[0]["username"]);
        assert_eq!(other[2], expected[2]);
    }
    let told = format!("{list}{guests}").to_lowercase();
    for secret in ["alice", "example.org@", &code, me["id"].as_str().expect("an id")] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    api.finish().await;
}

#[tokio::test]
async fn credentials_open_each_server_on_sqlite() {
    credentials_open_each_server(Kind::Sqlite).await;
}

#[tokio::test]
async fn credentials_open_each_server_on_postgres() {
    credentials_open_each_server(Kind::Postgres).await;
}
