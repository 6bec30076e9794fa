//! What nodes have in common, in memory; it goes away and loses things when a test wants it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use colloquy_actors::{
    cluster::store::{
        Claim, ClaimNonce, Claimed, ClusterStore, Incarnation, LogBatch, NodeId, NodeProcess, NodeRecord,
        Renewed, StoreDown, Stored, StoredLog, Written,
    },
    ids::RoomId,
};
use tokio::time::Instant;

#[derive(Debug, Clone)]
struct Kept {
    claim: Claim,
    log: StoredLog,
    last_hash: String,
    in_vain: u32,
}

#[derive(Debug, Clone, Default)]
struct State {
    leases: HashMap<NodeId, (NodeRecord, Instant)>,
    owned: HashMap<NodeProcess, HashSet<RoomId>>,
    rooms: HashMap<RoomId, Kept>,
    gone: HashSet<RoomId>,
}

/// A store of one process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    is_away: AtomicBool,
    /// Appends that were refused to somebody without the claim.
    pub fenced: Mutex<Vec<RoomId>>,
}

impl MemoryStore {
    fn state(&self) -> Result<MutexGuard<'_, State>, StoreDown> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreDown("away".to_owned()));
        }
        Ok(self.state.lock().unwrap())
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// Everything is lost.
    pub fn flush(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// It is long ago that rooms were deleted.
    pub fn forget_deleted(&self) {
        self.state.lock().unwrap().gone.clear();
    }

    /// A node of another version lives.
    pub fn add_node_with_other_rules(&self) {
        let record = NodeRecord {
            incarnation: Incarnation(9),
            address: "127.0.0.1:1".to_owned(),
            version: "2".to_owned(),
            rules: "others".to_owned(),
        };
        let until = Instant::now() + Duration::from_mins(10);
        let mut state = self.state.lock().unwrap();
        state.leases.insert(NodeId("other".to_owned()), (record, until));
    }

    /// Batches of a room's log since its snapshot.
    pub fn batches(&self, room: RoomId) -> usize {
        self.state.lock().unwrap().rooms[&room].log.batches.len()
    }

    /// No node has a lease any more.
    pub fn lose_leases(&self) {
        self.state.lock().unwrap().leases.clear();
    }

    /// The last batches of a room's log are lost.
    pub fn lose_last(&self, room: RoomId, count: usize) {
        let mut state = self.state.lock().unwrap();
        let log = &mut state.rooms.get_mut(&room).unwrap().log;
        let kept = log.batches.len().saturating_sub(count);
        log.last -= (log.batches.len() - kept) as u64;
        log.batches.truncate(kept);
    }

    /// Somebody else claims a room, as no node that keeps to the rules would.
    pub fn steal(&self, room: RoomId, by: NodeProcess) {
        let mut state = self.state.lock().unwrap();
        let kept = state.rooms.get_mut(&room).unwrap();
        kept.claim = Claim {
            nonce: ClaimNonce(1),
            owner: by,
            replaced: None,
        };
    }

    pub fn owner(&self, room: RoomId) -> Option<NodeId> {
        let state = self.state.lock().unwrap();
        Some(state.rooms.get(&room)?.claim.owner.node.clone())
    }

    fn written(
        &self,
        room: RoomId,
        nonce: ClaimNonce,
        write: impl FnOnce(&mut Kept) -> Written,
    ) -> Result<Written, StoreDown> {
        let mut state = self.state()?;
        if state.gone.contains(&room) {
            return Ok(Written::Gone);
        }
        let Some(kept) = state.rooms.get_mut(&room) else {
            return Ok(Written::Lost);
        };
        if kept.claim.nonce != nonce {
            self.fenced.lock().unwrap().push(room);
            return Ok(Written::Fenced(kept.claim.nonce));
        }
        Ok(write(kept))
    }
}

/// A future that is ready.
fn now<'a, T: Send + 'a>(value: Result<T, StoreDown>) -> Stored<'a, T> {
    Box::pin(async move { value })
}

impl ClusterStore for MemoryStore {
    fn renew(&self, node: &NodeId, record: &NodeRecord, lease: Duration) -> Stored<'_, Renewed> {
        now(self.state().map(|mut state| {
            let until = Instant::now() + lease;
            let known = state
                .leases
                .get(node)
                .filter(|(_, until)| *until > Instant::now());
            let renewed = match known {
                Some((other, _)) if other.incarnation != record.incarnation => return Renewed::Taken,
                Some(_) => Renewed::Kept,
                None => Renewed::Made,
            };
            state.leases.insert(node.clone(), (record.clone(), until));
            renewed
        }))
    }

    fn resign(&self, process: &NodeProcess) -> Stored<'_, ()> {
        now(self.state().map(|mut state| {
            state.leases.remove(&process.node);
        }))
    }

    fn living(&self) -> Stored<'_, Vec<(NodeId, NodeRecord)>> {
        now(self.state().map(|state| {
            let leases = state
                .leases
                .iter()
                .filter(|(_, (_, until))| *until > Instant::now());
            leases
                .map(|(node, (record, _))| (node.clone(), record.clone()))
                .collect()
        }))
    }

    fn owners(&self) -> Stored<'_, Vec<NodeProcess>> {
        now(self.state().map(|state| state.owned.keys().cloned().collect()))
    }

    fn owned(&self, process: &NodeProcess) -> Stored<'_, Vec<RoomId>> {
        now(self.state().map(|state| {
            let owned = state.owned.get(process);
            owned
                .map(|rooms| rooms.iter().copied().collect())
                .unwrap_or_default()
        }))
    }

    fn forget_owner(&self, process: &NodeProcess) -> Stored<'_, ()> {
        now(self.state().map(|mut state| {
            state.owned.remove(process);
        }))
    }

    fn disown(&self, process: &NodeProcess, room: RoomId) -> Stored<'_, ()> {
        now(self.state().map(|mut state| {
            if let Some(rooms) = state.owned.get_mut(process) {
                rooms.remove(&room);
            }
        }))
    }

    fn claim_of(&self, room: RoomId) -> Stored<'_, Option<Claim>> {
        now(self
            .state()
            .map(|state| state.rooms.get(&room).map(|kept| kept.claim.clone())))
    }

    fn claim(&self, room: RoomId, expected: Option<ClaimNonce>, mine: &Claim) -> Stored<'_, Claimed> {
        now(self.state().map(|mut state| {
            if state.gone.contains(&room) {
                return Claimed::Gone;
            }
            let known = state.rooms.get(&room).map(|kept| kept.claim.nonce);
            if known != expected && known != Some(mine.nonce) {
                return Claimed::Taken;
            }
            state.owned.entry(mine.owner.clone()).or_default().insert(room);
            let kept = state.rooms.entry(room).or_insert_with(|| Kept {
                claim: mine.clone(),
                log: StoredLog::default(),
                last_hash: String::new(),
                in_vain: 0,
            });
            kept.claim = mine.clone();
            kept.in_vain += 1;
            Claimed::Owned {
                in_vain: kept.in_vain,
            }
        }))
    }

    fn read(&self, room: RoomId) -> Stored<'_, StoredLog> {
        now(self.state().map(|state| {
            state
                .rooms
                .get(&room)
                .map(|kept| kept.log.clone())
                .unwrap_or_default()
        }))
    }

    fn append(&self, room: RoomId, nonce: ClaimNonce, batch: &LogBatch) -> Stored<'_, Written> {
        let (hash, bytes, number) = (batch.hash(), batch.bytes.to_vec(), batch.number);
        now(self.written(room, nonce, |kept| {
            let last = kept.log.last;
            if last == number && kept.last_hash == hash {
                return Written::Done;
            }
            if last + 1 < number {
                return Written::Behind(last);
            }
            if last + 1 > number {
                return Written::Ahead;
            }
            kept.log.batches.push(bytes);
            (kept.log.last, kept.last_hash, kept.in_vain) = (number, hash, 0);
            Written::Done
        }))
    }

    fn replace(&self, room: RoomId, nonce: ClaimNonce, upto: u64, snapshot: Bytes) -> Stored<'_, Written> {
        now(self.written(room, nonce, |kept| {
            kept.log = StoredLog {
                snapshot: snapshot.to_vec(),
                batches: Vec::new(),
                last: upto,
            };
            kept.in_vain = 0;
            Written::Done
        }))
    }

    fn touch(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        now(self.written(room, nonce, |_| Written::Done))
    }

    fn release(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        let written = self.written(room, nonce, |_| Written::Done);
        if written == Ok(Written::Done)
            && let Ok(mut state) = self.state()
        {
            state.rooms.remove(&room);
        }
        now(written)
    }

    fn set_aside(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        self.release(room, nonce)
    }

    fn delete(&self, room: RoomId) -> Stored<'_, ()> {
        now(self.state().map(|mut state| {
            state.rooms.remove(&room);
            state.gone.insert(room);
        }))
    }
}

/// The store as a node sees it that may be cut off from it.
#[derive(Debug)]
pub struct CutOff {
    store: Arc<MemoryStore>,
    is_cut_off: AtomicBool,
}

impl CutOff {
    pub fn new(store: Arc<MemoryStore>) -> Self {
        let is_cut_off = AtomicBool::new(false);
        Self { store, is_cut_off }
    }

    pub fn set(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::Relaxed);
    }
}

/// The same of the store, unless it is not reached.
macro_rules! reached {
    ($this:ident, $call:expr) => {
        if $this.is_cut_off.load(Ordering::Relaxed) {
            now(Err(StoreDown("cut off".to_owned())))
        } else {
            $call
        }
    };
}

impl ClusterStore for CutOff {
    fn renew(&self, node: &NodeId, record: &NodeRecord, lease: Duration) -> Stored<'_, Renewed> {
        reached!(self, self.store.renew(node, record, lease))
    }

    fn resign(&self, process: &NodeProcess) -> Stored<'_, ()> {
        reached!(self, self.store.resign(process))
    }

    fn living(&self) -> Stored<'_, Vec<(NodeId, NodeRecord)>> {
        reached!(self, self.store.living())
    }

    fn owners(&self) -> Stored<'_, Vec<NodeProcess>> {
        reached!(self, self.store.owners())
    }

    fn owned(&self, process: &NodeProcess) -> Stored<'_, Vec<RoomId>> {
        reached!(self, self.store.owned(process))
    }

    fn forget_owner(&self, process: &NodeProcess) -> Stored<'_, ()> {
        reached!(self, self.store.forget_owner(process))
    }

    fn disown(&self, process: &NodeProcess, room: RoomId) -> Stored<'_, ()> {
        reached!(self, self.store.disown(process, room))
    }

    fn claim_of(&self, room: RoomId) -> Stored<'_, Option<Claim>> {
        reached!(self, self.store.claim_of(room))
    }

    fn claim(&self, room: RoomId, expected: Option<ClaimNonce>, mine: &Claim) -> Stored<'_, Claimed> {
        reached!(self, self.store.claim(room, expected, mine))
    }

    fn read(&self, room: RoomId) -> Stored<'_, StoredLog> {
        reached!(self, self.store.read(room))
    }

    fn append(&self, room: RoomId, nonce: ClaimNonce, batch: &LogBatch) -> Stored<'_, Written> {
        reached!(self, self.store.append(room, nonce, batch))
    }

    fn replace(&self, room: RoomId, nonce: ClaimNonce, upto: u64, snapshot: Bytes) -> Stored<'_, Written> {
        reached!(self, self.store.replace(room, nonce, upto, snapshot))
    }

    fn touch(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        reached!(self, self.store.touch(room, nonce))
    }

    fn release(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        reached!(self, self.store.release(room, nonce))
    }

    fn set_aside(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written> {
        reached!(self, self.store.set_aside(room, nonce))
    }

    fn delete(&self, room: RoomId) -> Stored<'_, ()> {
        reached!(self, self.store.delete(room))
    }
}
