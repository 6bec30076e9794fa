//! Real sockets on loopback.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Extension, Router, body::Body, extract::Request, response::Response, routing::get};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::client_address::ClientAddress;

/// Longer than anything here takes; a wait that ends with it is a failure.
const TIME_LIMIT: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<ListenerEnd>,
}

impl Server {
    async fn start(router: Router, change: impl FnOnce(&mut ConnectionLimits)) -> Self {
        Self::with_grace(router, TIME_LIMIT, change).await
    }

    async fn with_grace(router: Router, grace: Duration, change: impl FnOnce(&mut ConnectionLimits)) -> Self {
        let mut limits = ConnectionLimits::of(&Config::default());
        limits.loopback_exempt = false;
        change(&mut limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let shutdown = Shutdown {
            token: stop.clone(),
            grace,
        };
        let task = tokio::spawn(serve(listener, router, limits, shutdown));
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ended(self) -> ListenerEnd {
        self.stop.cancel();
        within(self.task).await.unwrap()
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIME_LIMIT, future)
        .await
        .expect("it takes longer than any time limit")
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Reads until the text ends with `end`, or until the other side closes.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut received = Vec::new();
    within(async {
        let mut byte = [0];
        while !received.ends_with(end.as_bytes()) || end.is_empty() {
            match stream.read(&mut byte).await {
                Ok(0) | Err(_) => break,
                Ok(_) => received.push(byte[0]),
            }
        }
    })
    .await;
    String::from_utf8(received).unwrap()
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    read_until(stream, "").await
}

async fn whoami(Extension(ClientAddress(client)): Extension<ClientAddress>) -> String {
    format!("client {client}|")
}

fn router() -> Router {
    Router::new().route("/", get(whoami))
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn requests_know_their_client() {
    let server = Server::start(router(), |limits| {
        limits.trusted_proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
    })
    .await;
    let mut stream = server.connect().await;
    send(&mut stream, REQUEST).await;
    assert!(read_until(&mut stream, "|").await.ends_with("client 127.0.0.1|"));
    send(
        &mut stream,
        "GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\n\r\n",
    )
    .await;
    assert!(read_until(&mut stream, "|").await.ends_with("client 192.0.2.1|"));
    drop(stream);
    assert_eq!(server.ended().await.connections_open, 0);
}

#[tokio::test]
async fn headers_of_an_undeclared_proxy_do_not_count() {
    let server = Server::start(router(), |_| {}).await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        "GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\n\r\n",
    )
    .await;
    assert!(read_until(&mut stream, "|").await.ends_with("client 127.0.0.1|"));
}

#[tokio::test]
async fn an_address_has_a_cap_and_gets_its_places_back() {
    let server = Server::start(router(), |limits| limits.connections_per_address_max = 2).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    for stream in [&mut first, &mut second] {
        send(stream, REQUEST).await;
        assert!(read_until(stream, "|").await.contains("200 OK"));
    }
    let mut third = server.connect().await;
    assert_eq!(read_to_end(&mut third).await, "", "closed without an answer");

    drop(first);
    let answer = within(async {
        loop {
            let mut next = server.connect().await;
            let _ = next.write_all(REQUEST.as_bytes()).await;
            let answer = read_until(&mut next, "|").await;
            if !answer.is_empty() {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn exempt_peers_have_no_cap() {
    let exemptions: [fn(&mut ConnectionLimits); 2] = [
        |limits| limits.loopback_exempt = true,
        |limits| limits.trusted_proxies = TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()]),
    ];
    for exempt in exemptions {
        let server = Server::start(router(), |limits| {
            limits.connections_per_address_max = 1;
            exempt(limits);
        })
        .await;
        let mut streams = [server.connect().await, server.connect().await];
        for stream in &mut streams {
            send(stream, REQUEST).await;
            assert!(read_until(stream, "|").await.contains("200 OK"));
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_total_wait() {
    let server = Server::start(router(), |limits| limits.connections_max = 1).await;
    let mut first = server.connect().await;
    send(&mut first, REQUEST).await;
    read_until(&mut first, "|").await;

    let mut second = server.connect().await;
    send(&mut second, REQUEST).await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
    assert!(early.is_err(), "nothing is answered while the house is full");
    drop(first);
    assert!(read_until(&mut second, "|").await.contains("200 OK"));
}

#[tokio::test]
async fn who_dawdles_with_headers_is_cut() {
    let server = Server::start(router(), |limits| {
        limits.header_timeout = Duration::from_millis(50);
    })
    .await;
    let mut silent = server.connect().await;
    assert_eq!(read_to_end(&mut silent).await, "");
    let mut slow = server.connect().await;
    send(&mut slow, "GET / HTTP/1.1\r\nhost: x\r\n").await;
    let answer = read_to_end(&mut slow).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

/// Tells when it is dropped.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_cut() {
    let dropped = Arc::new(Notify::new());
    let endless = {
        let dropped = Arc::clone(&dropped);
        Router::new().route(
            "/",
            get(async move || {
                let told = Told(dropped);
                Body::from_stream(futures_util::stream::repeat_with(move || {
                    let _held = &told;
                    Ok::<_, std::io::Error>([0; 4_096].to_vec())
                }))
            }),
        )
    };
    let server = Server::start(endless, |limits| {
        limits.stall_timeout = Duration::from_millis(200);
    })
    .await;
    let mut stream = server.connect().await;
    send(&mut stream, REQUEST).await;
    // What the answer is made of is given back, though the client has not closed.
    within(dropped.notified()).await;
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    assert_eq!(server.ended().await.connections_open, 0);
}

/// What is logged in this thread at debug and above, from now on.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let captured = Self::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(move || writer.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_end_of_an_idle_connection_is_no_news() {
    let (captured, _guard) = Captured::begin();
    let server = Server::start(router(), |limits| {
        limits.header_timeout = Duration::from_millis(50);
    })
    .await;
    // The client closes; the server's time limit ends after a request, and before any.
    let mut closing = server.connect().await;
    send(&mut closing, REQUEST).await;
    read_until(&mut closing, "|").await;
    drop(closing);
    let (mut resting, mut silent) = (server.connect().await, server.connect().await);
    send(&mut resting, REQUEST).await;
    read_until(&mut resting, "|").await;
    assert_eq!(read_to_end(&mut resting).await, "");
    assert_eq!(read_to_end(&mut silent).await, "");
    assert_eq!(server.ended().await.connections_open, 0);
    assert_eq!(captured.text(), "");
}

#[tokio::test]
async fn a_request_that_breaks_off_is_seen_when_somebody_looks() {
    let (captured, _guard) = Captured::begin();
    let server = Server::start(router(), |_| {}).await;
    let mut stream = server.connect().await;
    send(&mut stream, "GET / HTTP/1.1\r\nhost").await;
    drop(stream);
    within(async {
        while captured.text().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(server.ended().await.connections_open, 0);
    let text = captured.text();
    assert!(
        text.contains("DEBUG") && text.contains("a connection ended early"),
        "{text}"
    );
    assert!(!text.contains("WARN") && !text.contains("ERROR"), "{text}");
}

#[tokio::test]
async fn heads_beyond_the_limit_are_read_so_that_they_can_be_answered() {
    let server = Server::start(router(), |_| {}).await;
    for bytes in [31_000, 60_000] {
        let mut stream = server.connect().await;
        let value = "x".repeat(bytes);
        send(
            &mut stream,
            &format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {value}\r\n\r\n"),
        )
        .await;
        let answer = read_until(&mut stream, "|").await;
        assert!(answer.contains("200 OK"), "{bytes}: {answer}");
    }
}

#[tokio::test]
async fn heads_that_are_far_too_large_are_refused_and_told_once() {
    let (captured, _guard) = Captured::begin();
    let server = Server::start(router(), |_| {}).await;
    for _ in 0..3 {
        let mut stream = server.connect().await;
        let value = "x".repeat(200_000);
        // The server may close while we still write.
        let _ = stream
            .write_all(format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {value}\r\n\r\n").as_bytes())
            .await;
        let answer = read_to_end(&mut stream).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    assert_eq!(server.ended().await.connections_open, 0);
    let text = captured.text();
    assert_eq!(text.matches("far too large head").count(), 1, "{text}");
}

#[tokio::test]
async fn a_stop_lets_requests_in_flight_end_and_closes_idle_connections() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (started, finish) = (Arc::clone(&started), Arc::clone(&finish));
        router().route(
            "/slow",
            get(async move || {
                started.notify_one();
                finish.notified().await;
                "finished|"
            }),
        )
    };
    let server = Server::start(slow, |_| {}).await;
    let mut idle = server.connect().await;
    send(&mut idle, REQUEST).await;
    read_until(&mut idle, "|").await;
    let mut busy = server.connect().await;
    send(&mut busy, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(started.notified()).await;

    server.stop.cancel();
    assert_eq!(read_to_end(&mut idle).await, "", "idle connections end at once");
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    finish.notify_one();
    assert!(read_to_end(&mut busy).await.ends_with("finished|"));
    assert_eq!(server.ended().await.connections_open, 0);
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_its_grace() {
    let stuck = Router::new().route("/", get(std::future::pending::<&'static str>));
    let server = Server::with_grace(stuck, Duration::from_millis(50), |_| {}).await;
    let mut stream = server.connect().await;
    send(&mut stream, REQUEST).await;
    // Half a second request shows that the first was taken: connections are served in order of their arrival.
    let mut other = server.connect().await;
    send(&mut other, "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await;
    read_until(&mut other, "\r\n\r\n").await;
    drop(other);

    let ended = server.ended().await;
    assert_eq!(ended.connections_open, 1);
    assert_eq!(read_to_end(&mut stream).await, "", "it is cut afterwards");
}

/// Answers 101 and echoes one byte on the upgraded connection.
async fn upgrade(mut request: Request) -> Response {
    tokio::spawn(async move {
        let mut io = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
        let mut byte = [0];
        while io.read_exact(&mut byte).await.is_ok() {
            io.write_all(&byte).await.unwrap();
        }
    });
    Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "echo")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn upgraded_connections_keep_their_place_and_are_waited_for() {
    let server = Server::start(Router::new().route("/", get(upgrade)), |limits| {
        limits.connections_per_address_max = 1;
        limits.header_timeout = Duration::from_millis(50);
    })
    .await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
    )
    .await;
    assert!(read_until(&mut stream, "\r\n\r\n").await.contains("101"));
    let mut refused = server.connect().await;
    assert_eq!(read_to_end(&mut refused).await, "");

    server.stop.cancel();
    send(&mut stream, "!").await;
    assert_eq!(
        read_until(&mut stream, "!").await,
        "!",
        "it lives on during the stop"
    );
    assert!(!server.task.is_finished());
    drop(stream);
    assert_eq!(server.ended().await.connections_open, 0);
}
