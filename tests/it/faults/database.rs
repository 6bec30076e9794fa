//! A database that breaks, becomes slow or falls silent, behind a proxy: REST says so in time, meetings go on, and all
//! heals by itself.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Unlimited, assert_works, wait_until};
use crate::{
    databases::Kind,
    support::{
        meeting::Meeting,
        participant::Participant,
        postgres::PostgresDatabase,
        proxy::{Mode, Proxy},
        rest::{Answer, Rest, receive},
    },
};

/// The server promises an answer within 5 s. This guards against hanging on a loaded machine.
const GUARD: Duration = Duration::from_secs(25);
/// Twice as many as the server has connections.
const REQUESTS_AT_ONCE: usize = 32;

/// A server whose database is behind a proxy. The fields end in this order.
struct Behind {
    server: Unlimited,
    proxy: Proxy,
    database: PostgresDatabase,
}

impl Behind {
    async fn start() -> Self {
        let database = PostgresDatabase::create().await;
        let proxy = Proxy::start(&database.url).await;
        let url = proxy.in_front_of(&database.url);
        // The kind only says where the server finds its database by default.
        let environment = [("COLLOQUY_DATABASE__URL", url.as_str())];
        let server = Unlimited::start_with(Kind::Sqlite, &environment).await;
        Self {
            server,
            proxy,
            database,
        }
    }
}

/// The answer to a request, which comes in time.
async fn ask(who: &Rest, method: Method, path: &str, body: Value) -> Answer {
    let name = format!("{method} {path}");
    let mut request = who.request(method, path);
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = timeout(GUARD, receive(request, name.clone())).await;
    answer.unwrap_or_else(|_| panic!("{name}: no answer within {GUARD:?}"))
}

/// Everything that needs the database, of each kind.
fn requests(meeting: &Meeting) -> Vec<(Rest, Method, String, Value)> {
    let (alice, anyone) = (&meeting.alice, &meeting.anyone);
    let mut requests = vec![
        (alice, Method::GET, "/v1/users/me".to_owned(), Value::Null),
        (
            alice,
            Method::PATCH,
            "/v1/users/me".to_owned(),
            json!({"title": "Dr."}),
        ),
        (alice, Method::GET, "/v1/rooms".to_owned(), Value::Null),
        (
            alice,
            Method::POST,
            "/v1/rooms".to_owned(),
            json!({"enable_sip": true}),
        ),
        (alice, Method::GET, meeting.path(""), Value::Null),
        (
            alice,
            Method::PATCH,
            meeting.path(""),
            json!({"waiting_room": false}),
        ),
        (alice, Method::POST, meeting.path("/invites"), json!({})),
        (
            alice,
            Method::PUT,
            meeting.invite_path(),
            json!({"expiration": null}),
        ),
        (alice, Method::POST, meeting.path("/start"), json!({})),
    ];
    let code = json!({"invite_code": meeting.invite_code});
    requests.push((anyone, Method::POST, meeting.path("/start_invited"), code.clone()));
    requests.push((anyone, Method::POST, "/v1/invite/verify".to_owned(), code));
    let requests = requests.into_iter();
    requests
        .map(|(who, method, path, body)| (who.clone(), method, path, body))
        .collect()
}

/// Asks everything, more at once than there are connections. Nobody waits longer than promised.
async fn assert_refused_in_time(meeting: &Meeting) {
    let all = requests(meeting).into_iter().cycle().take(REQUESTS_AT_ONCE);
    let asking = all.map(|(who, method, path, body)| {
        tokio::spawn(async move {
            let answer = ask(&who, method, &path, body).await;
            assert_eq!(answer.headers["retry-after"], "5", "{path}: {answer:?}");
            answer.expect_error(503, "service_unavailable");
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.expect("a refusal");
    }
}

/// Who is in the meeting speaks and is heard, and comes back after a loss.
async fn assert_goes_on(meeting: &Meeting, alice: &mut Participant, bob: &mut Participant) {
    alice.say("still there?").await;
    while bob.expect("chat", "message_sent").await["content"] != "still there?" {}
    let id = bob.id.clone();
    let mut again = meeting.returning_guest(&bob.resumption).await;
    again.join("Bob").await;
    assert_eq!(again.id, id);
    std::mem::replace(bob, again).vanish();
}

async fn breaks_and_heals(mode: Mode) {
    let behind = Behind::start().await;
    let (server, proxy) = (&behind.server, &behind.proxy);
    let meeting = Meeting::create(server, json!({})).await;
    let (mut alice, [mut bob]) = meeting.gather(["Bob"]).await;

    proxy.be(mode);
    assert_refused_in_time(&meeting).await;
    assert_goes_on(&meeting, &mut alice, &mut bob).await;
    let ready = async || server.anonymous().get("/health/ready").await.status;
    wait_until("the server is not ready", async || match ready().await {
        503 => Ok(()),
        other => Err(other),
    })
    .await;
    assert_refused_in_time(&meeting).await;

    proxy.be(Mode::Pass);
    wait_until("the server is ready again", async || match ready().await {
        200 => Ok(()),
        other => Err(other),
    })
    .await;
    for (who, method, path, body) in requests(&meeting) {
        let answer = ask(&who, method, &path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
    }
    assert_goes_on(&meeting, &mut alice, &mut bob).await;
    assert_works(&meeting, &mut bob).await;
}

#[tokio::test]
async fn a_broken_database_is_told_and_heals() {
    breaks_and_heals(Mode::Broken).await;
}

#[tokio::test]
async fn a_silent_database_is_told_and_heals() {
    breaks_and_heals(Mode::HalfOpen).await;
}

#[tokio::test]
async fn a_database_that_is_too_slow_is_told_and_heals() {
    breaks_and_heals(Mode::Slow(Duration::from_secs(3))).await;
}

#[tokio::test]
async fn a_database_that_only_reads_is_told() {
    let behind = Behind::start().await;
    let (anyone, part) = (behind.server.anonymous(), "/health/ready");
    behind.database.only_reads(true).await;
    let told = async || anyone.get(part).await.json["not_ready"]["database"].clone();
    wait_until("it is told", async || match told().await {
        told if told == "can't be written" => Ok(()),
        other => Err(other),
    })
    .await;
    behind.database.only_reads(false).await;
    wait_until("the server is ready again", async || {
        match anyone.get(part).await.status {
            200 => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_database_serves() {
    let behind = Behind::start().await;
    let meeting = Meeting::create(&behind.server, json!({})).await;
    behind.proxy.be(Mode::Slow(Duration::from_millis(20)));
    for (who, method, path, body) in requests(&meeting) {
        let answer = ask(&who, method, &path, body).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {answer:?}");
    }
}

/// The database has not heard of the loss, so its session still holds the lock that keeps a second server out.
#[tokio::test]
async fn a_silence_of_the_lock_alone_heals() {
    let behind = Behind::start().await;
    let alice = behind.server.anonymous().log_in("alice").await;
    alice.get("/v1/users/me").await.expect(200);
    behind.proxy.be(Mode::HalfOpen);
    behind.proxy.has_cut_all().await;
    behind.proxy.be(Mode::Pass);
    let ready = async || behind.server.anonymous().get("/health/ready").await;
    wait_until("the lock is held by a new session", async || {
        let log = behind.server.log();
        if log.contains("the lock of the database is held again") {
            Ok(())
        } else {
            Err(ready().await)
        }
    })
    .await;
    // Until something has been written too it is not told.
    wait_until("the server is ready", async || match ready().await.status {
        200 => Ok(()),
        other => Err(other),
    })
    .await;
}

/// What was stored without a word of it is not undone: its content is there.
#[tokio::test]
async fn an_upload_whose_commit_nobody_answers_keeps_its_content() {
    let behind = Behind::start().await;
    let meeting = Meeting::create(&behind.server, json!({})).await;
    let path = meeting.path("/assets?kind=notes&file_extension=txt");
    behind.proxy.be(Mode::AnswerlessCommit);
    let upload = meeting.alice.request(Method::POST, &path).body("precious");
    let answer = timeout(GUARD, receive(upload, "an upload".to_owned())).await;
    assert_eq!(answer.expect("an answer").status, 503);
    behind.proxy.be(Mode::Pass);
    let listed = async || {
        let answer = meeting.alice.get(&meeting.path("/assets")).await;
        match answer.json.get(0) {
            Some(asset) => Ok(asset["id"].as_str().expect("an id").to_owned()),
            None => Err(answer),
        }
    };
    wait_until("the asset is listed", async || listed().await.map(drop)).await;
    let id = listed().await.expect("an asset");
    let content = meeting
        .alice
        .request(Method::GET, &meeting.path(&format!("/assets/{id}")));
    let content = content.send().await.expect("an answer");
    assert_eq!(content.status(), 200);
    assert_eq!(content.text().await.expect("a content"), "precious");
}

/// Whose access was withdrawn without a word of it does not come back: the rooms ask themselves.
#[tokio::test]
async fn a_withdrawal_whose_commit_nobody_answers_reaches_the_room() {
    let behind = Behind::start().await;
    let meeting = Meeting::create(&behind.server, json!({})).await;
    let (_alice, [guest]) = meeting.gather(["Gina"]).await;
    behind.proxy.be(Mode::AnswerlessCommit);
    let answer = ask(
        &meeting.alice,
        Method::DELETE,
        &meeting.invite_path(),
        Value::Null,
    )
    .await;
    assert_eq!(answer.status, 503, "{answer:?}");
    behind.proxy.be(Mode::Pass);
    wait_until("the token is void", async || {
        let answer = meeting.ask_as_guest(Some(&guest.resumption)).await;
        if answer.status == 404 { Ok(()) } else { Err(answer) }
    })
    .await;
}
