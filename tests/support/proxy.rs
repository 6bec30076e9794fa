//! A TCP proxy that stands between the server and its database, and makes of it what networks make of databases.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};
use url::Url;

/// What is carried at once.
const CHUNK_BYTES: usize = 16 * 1024;

const COMMIT: &[u8] = b"COMMIT";
const COMMIT_TIME: Duration = Duration::from_millis(200);

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything is carried on at once.
    Pass,
    /// Connections are cut; new ones are cut as soon as they are made.
    Broken,
    /// Everything is carried on after this time, in each direction.
    Slow(Duration),
    /// Connections are cut behind a COMMIT that was carried on: nobody hears what became of it.
    AnswerlessCommit,
    /// Connections stay open, new ones are accepted, and nothing is ever answered: as after a cable was pulled, or a
    /// firewall has forgotten. A connection that has met this mode stays dead when the mode ends, and the other side has not
    /// heard of it.
    HalfOpen,
}

/// A running proxy; it and all its connections end with this.
#[derive(Debug)]
pub struct Proxy {
    mode: watch::Sender<Mode>,
    /// Connections that are carried on.
    carried: Arc<AtomicUsize>,
    port: u16,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of the host and port of this URL, passing.
    pub async fn start(to: &Url) -> Self {
        let target = format!(
            "{}:{}",
            to.host_str().expect("a host"),
            to.port().expect("a port")
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let (mode, modes) = watch::channel(Mode::Pass);
        let carried = Arc::default();
        let accepting = tokio::spawn(accept(listener, target, modes, Arc::clone(&carried)));
        Self {
            mode,
            carried,
            port,
            accepting,
        }
    }

    /// The URL, by way of the proxy.
    pub fn in_front_of(&self, url: &Url) -> Url {
        let mut url = url.clone();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        url
    }

    /// From now on, for open connections too.
    pub fn be(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Every connection that there was has met the mode that ends its being carried on.
    pub async fn has_cut_all(&self) {
        while self.carried.load(SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    modes: watch::Receiver<Mode>,
    carried: Arc<AtomicUsize>,
) {
    // They end with this task.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        connections.spawn(carry(client, target.clone(), modes.clone(), Arc::clone(&carried)));
    }
}

async fn carry(
    mut client: TcpStream,
    target: String,
    mut modes: watch::Receiver<Mode>,
    carried: Arc<AtomicUsize>,
) {
    let mut server = None;
    let mode = *modes.borrow();
    if !is_trouble(&mode) {
        let Ok(mut connected) = TcpStream::connect(target).await else {
            return;
        };
        let slowness = modes.clone();
        carried.fetch_add(1, SeqCst);
        let has_ended = tokio::select! {
            _ = relay(&mut client, &mut connected, slowness) => true,
            _ = modes.wait_for(is_trouble) => false,
        };
        carried.fetch_sub(1, SeqCst);
        if has_ended {
            return;
        }
        server = Some(connected);
    }
    let mode = *modes.borrow();
    if mode == Mode::HalfOpen {
        silence(&mut client).await;
        // The other side waits for ever.
        std::future::pending::<()>().await;
    }
    // Cut, not closed: both sides get a reset.
    for side in [Some(client), server].into_iter().flatten() {
        let _ = side.set_zero_linger();
    }
}

fn is_trouble(mode: &Mode) -> bool {
    matches!(mode, Mode::Broken | Mode::HalfOpen)
}

/// Carries both directions until one of them ends.
async fn relay(
    client: &mut TcpStream,
    server: &mut TcpStream,
    modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let is_over = AtomicBool::new(false);
    tokio::select! {
        ended = pump(from_client, to_server, modes.clone(), &is_over) => ended,
        ended = pump(from_server, to_client, modes, &is_over) => ended,
    }
}

/// `is_over`: a COMMIT was said whose answer nobody gets.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    modes: watch::Receiver<Mode>,
    is_over: &AtomicBool,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        let mode = *modes.borrow();
        if let Mode::Slow(delay) = mode {
            sleep(delay).await;
        }
        if is_over.load(SeqCst) {
            continue;
        }
        let is_commit = chunk[..length].windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
        is_over.store(mode == Mode::AnswerlessCommit && is_commit, SeqCst);
        to.write_all(&chunk[..length]).await?;
        if is_over.load(SeqCst) {
            // Long enough for the database; both directions end with this one.
            sleep(COMMIT_TIME).await;
            return Ok(());
        }
    }
}

/// Takes everything and says nothing, until the client gives up.
async fn silence(client: &mut TcpStream) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while client.read(&mut chunk).await.is_ok_and(|length| length > 0) {}
}
