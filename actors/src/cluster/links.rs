//! Connections between nodes: one for each direction, from the edge to the owner, made when they are needed.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex as Lock, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};

use super::{
    handshake::{self, ClusterSecrets, NodeCredentials},
    owner::{Here, Visitor},
    pump::{self, FrameSource},
    store::{NodeId, NodeProcess, NodeRecord},
};
use crate::{
    edge::{Downlink, Ready, Uplink},
    ports::Random,
};

/// Time for a connection to stand.
const CONNECT: Duration = Duration::from_secs(1);

/// An owner that was not reached is dialled again after this.
const REDIAL: Duration = Duration::from_millis(250);

/// Connections that have yet to say who they are.
const STRANGERS_MAX: usize = 64;

/// Frames that are written together.
const FRAMES_AT_ONCE: usize = 64;

/// What is written at once, if there is so much.
const WRITE_BYTES: usize = 64 * 1024;

/// Wait after an accept that failed: there may be too many open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What became of dialling an owner.
struct Dialled {
    to: NodeProcess,
    /// None where it was not reached.
    uplink: Option<Arc<Uplink>>,
    at: Instant,
}

/// A connection to one owner, where it stands.
type Slot = Arc<Mutex<Option<Dialled>>>;

/// All connections of a node. Clones are one.
#[derive(Clone)]
pub struct NodeLinks(Arc<Inner>);

struct Inner {
    me: NodeProcess,
    secrets: ClusterSecrets,
    random: Arc<dyn Random>,
    up: Lock<HashMap<NodeId, Slot>>,
    down: Lock<HashMap<NodeId, Arc<Downlink>>>,
}

impl fmt::Debug for NodeLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeLinks")
            .field("me", &self.0.me)
            .finish_non_exhaustive()
    }
}

impl NodeLinks {
    #[must_use]
    pub fn new(me: NodeProcess, secrets: ClusterSecrets, random: Arc<dyn Random>) -> Self {
        Self(Arc::new(Inner {
            me,
            secrets,
            random,
            up: Lock::default(),
            down: Lock::default(),
        }))
    }

    fn credentials(&self) -> NodeCredentials<'_> {
        NodeCredentials {
            me: &self.0.me,
            secrets: &self.0.secrets,
            random: &*self.0.random,
        }
    }

    fn slot(&self, node: &NodeId) -> Slot {
        let mut up = self.0.up.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(up.entry(node.clone()).or_default())
    }

    /// The connection to an owner, made where it does not stand.
    pub async fn uplink(&self, node: &NodeId, record: &NodeRecord) -> io::Result<Arc<Uplink>> {
        let owner = NodeProcess {
            node: node.clone(),
            incarnation: record.incarnation,
        };
        let slot = self.slot(node);
        let mut slot = slot.lock().await;
        if let Some(Dialled { to, uplink, at }) = &*slot {
            match uplink {
                Some(uplink) if *to == owner && !uplink.is_cut() => return Ok(Arc::clone(uplink)),
                Some(uplink) => uplink.cut(),
                // Whoever has waited meanwhile need not find out once more.
                None if *to == owner && at.elapsed() < REDIAL => {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                None => {}
            }
        }
        let dialled = self.dial(&owner, &record.address).await;
        *slot = Some(Dialled {
            to: owner,
            uplink: dialled.as_ref().ok().cloned(),
            at: Instant::now(),
        });
        dialled
    }

    async fn dial(&self, owner: &NodeProcess, address: &str) -> io::Result<Arc<Uplink>> {
        let mut stream = timeout(CONNECT, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        let buffer = handshake::dial(&mut stream, self.credentials(), owner).await?;
        let (uplink, queue) = Uplink::new();
        tokio::spawn(run_uplink(
            stream,
            buffer,
            Arc::clone(&uplink),
            queue,
            owner.clone(),
        ));
        Ok(uplink)
    }

    /// The connection to this process, if one stands.
    #[must_use]
    pub fn standing(&self, process: &NodeProcess) -> Option<Arc<Uplink>> {
        let slot = self.slot(&process.node);
        // One that is just being made does not stand.
        let slot = slot.try_lock().ok()?;
        let dialled = slot.as_ref()?;
        let uplink = dialled.uplink.as_ref()?;
        (dialled.to == *process && !uplink.is_cut()).then(|| Arc::clone(uplink))
    }

    /// How many stand: to owners, and from edges.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let up = self.uplinks().len();
        let down = self.0.down.lock().unwrap_or_else(PoisonError::into_inner);
        (up, down.values().filter(|downlink| !downlink.is_cut()).count())
    }

    /// Lets other nodes in, for ever.
    pub async fn accept(self, listener: TcpListener, here: Arc<dyn Here>) {
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            let Ok(place) = Arc::clone(&strangers).acquire_owned().await else {
                return;
            };
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection of another node could not be accepted");
                    sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            let (this, here) = (self.clone(), Arc::clone(&here));
            tokio::spawn(async move {
                let mut stream = stream;
                let accepted = async {
                    stream.set_nodelay(true)?;
                    handshake::accept(&mut stream, this.credentials()).await
                };
                let accepted = accepted.await;
                drop(place);
                match accepted {
                    Ok((edge, buffer)) => this.serve(stream, buffer, &edge, here).await,
                    Err(error) => {
                        tracing::warn!(%address, %error, "a connection to the cluster's port was refused");
                    }
                }
            });
        }
    }

    /// Serves an edge until it is gone.
    async fn serve(&self, stream: TcpStream, buffer: BytesMut, edge: &NodeProcess, here: Arc<dyn Here>) {
        let (downlink, ready) = Downlink::new();
        let before = {
            let mut down = self.0.down.lock().unwrap_or_else(PoisonError::into_inner);
            down.insert(edge.node.clone(), Arc::clone(&downlink))
        };
        // Its sessions are lost before they ask to go on.
        if let Some(before) = before {
            before.cut();
        }
        let (reading, writing) = stream.into_split();
        let mut visitor = Visitor::new(Arc::clone(&downlink), here);
        let source = Outlets {
            ready,
            downlink: Arc::clone(&downlink),
        };
        let ended = tokio::select! {
            read = pump::read(reading, buffer, |frame| visitor.receive(frame)) => read,
            written = pump::write(writing, source) => written,
            () = downlink.until_cut() => Ok(()),
        };
        downlink.cut();
        log_end(&edge.node, ended);
        let mut down = self.0.down.lock().unwrap_or_else(PoisonError::into_inner);
        if down
            .get(&edge.node)
            .is_some_and(|known| Arc::ptr_eq(known, &downlink))
        {
            down.remove(&edge.node);
        }
    }

    /// The connections to owners that stand.
    #[must_use]
    pub fn uplinks(&self) -> Vec<Arc<Uplink>> {
        let slots: Vec<_> = {
            let up = self.0.up.lock().unwrap_or_else(PoisonError::into_inner);
            up.values().cloned().collect()
        };
        let uplink = |slot: Slot| {
            let slot = slot.try_lock().ok()?;
            let uplink = slot.as_ref()?.uplink.as_ref()?;
            (!uplink.is_cut()).then(|| Arc::clone(uplink))
        };
        slots.into_iter().filter_map(uplink).collect()
    }

    #[cfg(feature = "fault-injection")]
    pub fn give_up_edges(&self) {
        let down = self.0.down.lock().unwrap_or_else(PoisonError::into_inner);
        for downlink in down.values() {
            downlink.give_up();
        }
    }

    /// Ends all connections.
    pub fn close(&self) {
        let down = std::mem::take(&mut *self.0.down.lock().unwrap_or_else(PoisonError::into_inner));
        for downlink in down.into_values() {
            downlink.cut();
        }
        for uplink in self.uplinks() {
            uplink.cut();
        }
        self.0.up.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn log_end(node: &NodeId, ended: io::Result<()>) {
    match ended {
        Ok(()) => tracing::info!(%node, "the connection of a node has ended"),
        Err(error) => tracing::warn!(%node, %error, "the connection of a node was cut"),
    }
}

async fn run_uplink(
    stream: TcpStream,
    buffer: BytesMut,
    uplink: Arc<Uplink>,
    queue: mpsc::UnboundedReceiver<Bytes>,
    owner: NodeProcess,
) {
    let (reading, writing) = stream.into_split();
    let ended = tokio::select! {
        read = pump::read(reading, buffer, |frame| uplink.receive(frame)) => read,
        written = pump::write(writing, Frames(queue)) => written,
        () = uplink.until_cut() => Ok(()),
    };
    uplink.cut();
    log_end(&owner.node, ended);
}

/// What an edge says.
struct Frames(mpsc::UnboundedReceiver<Bytes>);

impl FrameSource for Frames {
    async fn fill(&mut self, into: &mut BytesMut) -> bool {
        let Some(first) = self.0.recv().await else {
            return false;
        };
        into.extend_from_slice(&first);
        for _ in 1..FRAMES_AT_ONCE {
            let Ok(next) = self.0.try_recv() else { break };
            into.extend_from_slice(&next);
        }
        true
    }
}

/// What rooms have for an edge, by turns.
struct Outlets {
    ready: mpsc::UnboundedReceiver<Ready>,
    downlink: Arc<Downlink>,
}

impl Outlets {
    fn put(&self, ready: Ready, into: &mut BytesMut) {
        match ready {
            Ready::Frame(frame) => into.extend_from_slice(&frame),
            Ready::Room(outlet) => {
                if outlet.write(into) {
                    self.downlink.has_something(outlet);
                }
            }
        }
    }
}

impl FrameSource for Outlets {
    async fn fill(&mut self, into: &mut BytesMut) -> bool {
        let Some(first) = self.ready.recv().await else {
            return false;
        };
        self.put(first, into);
        while into.len() < WRITE_BYTES {
            let Ok(next) = self.ready.try_recv() else { break };
            self.put(next, into);
        }
        true
    }
}
