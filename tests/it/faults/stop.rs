//! SIGTERM: orderly, in time, whatever the clients do.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

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

/// A request whose handler waits for the second half of the body, also while the server stops.
struct Unfinished {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Unfinished {
    async fn send(server: &Unlimited, path: &str, body: &Value) -> Self {
        let mut body = body.to_string().into_bytes();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(server.address()).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("a written head");
        // The handler has begun to read: it asks for the body.
        let proceed = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut answer = vec![0; proceed.len()];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer, proceed, "{}", answer.escape_ascii());
        let rest = body.split_off(body.len() / 2);
        stream.write_all(&body).await.expect("half a body");
        Self { stream, rest }
    }

    /// Sends the rest and reads the answer.
    async fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).await.expect("a written body");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }
}

/// A request that gets a ticket, if the server still gives any.
async fn unfinished_start(server: &Unlimited) -> Unfinished {
    let meeting = Meeting::create(server, json!({})).await;
    let body = json!({"invite_code": meeting.invite_code});
    Unfinished::send(server, &meeting.path("/start_invited"), &body).await
}

/// Asks the server to stop, and returns when it has begun to.
async fn begin_stop(server: &Unlimited) {
    server.signal("TERM");
    wait_until("the stop begins", async || {
        let log = server.log();
        if log.contains("a second signal stops at once") && log.contains(" stopping") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_request_is_cut_in_time() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let _request = unfinished_start(&server).await;
    assert_eq!(server.terminate().await.code(), Some(0));
    assert!(server.log().contains("cut connections that did not end in time"));
}

#[tokio::test]
async fn no_ticket_is_issued_after_the_stop_has_begun() {
    let server = Unlimited::start(Kind::Sqlite).await;
    let request = unfinished_start(&server).await;
    begin_stop(&server).await;
    let answer = request.finish().await.to_lowercase();
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: "), "{answer}");
    assert!(answer.contains(r#""code":"service_unavailable""#), "{answer}");
    assert_eq!(server.end().await.code(), Some(0));
    assert!(
        !server.log().contains("cut connections"),
        "the answer was the last thing to wait for"
    );
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    for second in ["TERM", "INT"] {
        let server = Unlimited::start(Kind::Sqlite).await;
        let _request = unfinished_start(&server).await;
        begin_stop(&server).await;
        let begin = Instant::now();
        server.signal(second);
        assert_eq!(server.end().await.code(), Some(1));
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    }
}

/// Calls until nobody answers any more: 200 at first, 503 in the end, and nothing else in between. Returns what else
/// there was.
async fn call_until_the_end(rest: Rest, method: Method, path: String, body: Value) -> Vec<String> {
    let mut surprises = Vec::new();
    loop {
        let request = rest.request(method.clone(), &path).json(&body);
        let Ok(answer) = request.send().await else {
            return surprises;
        };
        let knows_when = answer.headers().contains_key("retry-after");
        match answer.status().as_u16() {
            200 => {}
            503 if method == Method::GET || knows_when => {}
            other => surprises.push(format!("{other} {:?}", answer.text().await)),
        }
    }
}

#[tokio::test]
async fn callers_meet_nothing_unexpected_while_the_server_stops() {
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
        assert_eq!(caller.await.expect("a caller"), Vec::<String>::new());
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
