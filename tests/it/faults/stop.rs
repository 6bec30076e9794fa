//! SIGTERM: orderly, in time, whatever the clients do.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    Unlimited, contents,
    slow::{joined_narrow, produce},
    wait_until,
};
use crate::{
    databases::Kind,
    support::{meeting::Meeting, rest::Rest},
};

on_both_databases!(Unlimited: an_orderly_stop_closes_every_session_and_keeps_the_meeting, refresh_tokens_survive_stop_and_kill);

const SESSIONS: usize = 50;
/// Large messages, enough to fill the socket of a client that does not read (its queue is not full then).
const LARGE_MESSAGES: usize = 1_000;
/// Callers at the same time, while the server stops.
const CALLERS: usize = 8;
/// Meetings with a long history, so that the stop takes a moment.
const MEETINGS: usize = 10;
/// How fast a second signal works: well below the time that an orderly stop would take.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn an_orderly_stop_closes_every_session_and_keeps_the_meeting(server: &Unlimited) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    let mut sessions = Vec::new();
    for index in 1..SESSIONS {
        sessions.push(meeting.joined_guest(&format!("Guest {index}")).await);
    }
    // One that never joined has a socket as well.
    sessions.push(meeting.guest().await);
    alice.say("before").await;
    let status = server.terminate().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(alice.close_code().await, Some(1001));
    for session in &mut sessions {
        assert_eq!(session.close_code().await, Some(1001));
    }

    server.restart().await;
    let mut again = meeting.returning_owner(&alice.resumption).await;
    let joined = again.join("Alice").await;
    assert_eq!(again.id, alice.id);
    let history = meeting.history(&mut again, &joined).await;
    assert_eq!(contents(&history), ["before"]);
    let people = joined["participants"].as_array().expect("a list");
    // The stop was no leave.
    assert_eq!(people.len(), SESSIONS - 1);
    assert!(
        people.iter().all(|person| person["control"]["left_at"].is_null()),
        "{people:?}"
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_the_stop_up() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let meeting = Meeting::create(&server, json!({})).await;
    let _slow = joined_narrow(&server, &meeting, "Slow").await;
    let sender = meeting.joined_guest("Sender").await;
    let mut sender = produce(sender, LARGE_MESSAGES, LARGE_MESSAGES).await;
    let status = server.terminate().await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(sender.close_code().await, Some(1001));
    server.restart().await;
    let mut again = meeting.returning_guest(&sender.resumption).await;
    again.join("Sender").await;
    assert_eq!(again.id, sender.id);
    server.finish().await;
}

/// A request that is not finished: the server waits for the rest of it while it stops.
async fn unfinished_request(server: &Unlimited) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
    let head = "POST /v1/invite/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("a written head");
    // The handler reads the body: it asks for it.
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer)
        .await
        .expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream.write_all(b"{\"invite_code\"").await.expect("half a body");
    stream
}

#[tokio::test]
async fn an_unfinished_request_is_cut_in_time() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let _request = unfinished_request(&server).await;
    assert_eq!(server.terminate().await.code(), Some(0));
    assert!(server.log().contains("cut connections that did not end in time"));
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    for second in ["TERM", "INT"] {
        let server = Unlimited::start(Kind::Sqlite).await;
        let _request = unfinished_request(&server).await;
        server.signal("TERM");
        wait_until("the stop begins", async || {
            let log = server.log();
            if log.contains("a second signal stops at once") {
                Ok(())
            } else {
                Err(log)
            }
        })
        .await;
        let begin = Instant::now();
        server.signal(second);
        assert_eq!(server.end().await.code(), Some(1));
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    }
}

/// What one caller saw of a server that stops.
#[derive(Debug, Default)]
struct Seen {
    stopping: usize,
    others: Vec<String>,
}

/// Calls until nobody answers any more.
async fn call_until_the_end(rest: Rest, method: Method, path: String, body: Value) -> Seen {
    let mut seen = Seen::default();
    loop {
        let request = rest.request(method.clone(), &path).json(&body);
        let Ok(answer) = request.send().await else {
            return seen;
        };
        match answer.status().as_u16() {
            200 => {}
            503 if path.starts_with("/health") || answer.headers().contains_key("retry-after") => {
                seen.stopping += 1;
            }
            other => seen.others.push(format!("{other} {:?}", answer.text().await)),
        }
    }
}

#[tokio::test]
async fn starts_are_refused_with_a_time_to_come_back_while_the_server_stops() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let mut meetings = Vec::new();
    for _ in 0..MEETINGS {
        let meeting = Meeting::create(&server, json!({})).await;
        let sender = meeting.joined_guest("Sender").await;
        let sender = produce(sender, LARGE_MESSAGES / MEETINGS, LARGE_MESSAGES / MEETINGS).await;
        meetings.push((meeting, sender));
    }
    let mut callers = Vec::new();
    for index in 0..CALLERS {
        let (meeting, sender) = &meetings[index % MEETINGS];
        let (method, path, body) = if index % 2 == 0 {
            (Method::GET, "/health/ready".to_owned(), Value::Null)
        } else {
            let body = json!({"invite_code": meeting.invite_code, "resumption": sender.resumption});
            (Method::POST, meeting.path("/start_invited"), body)
        };
        callers.push(tokio::spawn(call_until_the_end(
            server.anonymous(),
            method,
            path,
            body,
        )));
    }
    assert_eq!(server.terminate().await.code(), Some(0));
    for caller in callers {
        let seen = caller.await.expect("a caller");
        assert!(seen.others.is_empty(), "{seen:?}");
        eprintln!("{seen:?}");
    }
}

/// Asks the development issuer for tokens.
async fn tokens(server: &Unlimited, form: &[(&str, &str)]) -> Value {
    let request = server.anonymous().request(Method::POST, "/dev-issuer/token");
    let answer = crate::support::rest::receive(request.form(form), "POST token".to_owned()).await;
    answer.expect(200)
}

async fn refresh_tokens_survive_stop_and_kill(server: &Unlimited) {
    let password = [
        ("grant_type", "password"),
        ("client_id", "Frontend"),
        ("username", "alice"),
        ("password", "alice"),
        ("scope", "openid profile email"),
    ];
    let mut token = tokens(server, &password).await["refresh_token"].clone();
    for kill in [false, true] {
        if kill {
            server.kill9();
        } else {
            assert!(server.terminate().await.success());
        }
        server.restart().await;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "Frontend"),
            ("refresh_token", token.as_str().expect("a refresh token")),
        ];
        let fresh = tokens(server, &form).await;
        let bearer = format!(
            "Bearer {}",
            fresh["access_token"].as_str().expect("an access token")
        );
        let me = server
            .anonymous()
            .with_authorization(&bearer)
            .get("/v1/users/me")
            .await;
        assert_eq!(me.expect(200)["email"], "alice@example.org");
        token = fresh["refresh_token"].clone();
    }
}
