//! What the nodes of a cluster have in common: who lives, who owns which room, and the rooms' logs.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ids::RoomId, ports::BoxFuture};

/// The name of a node, which it keeps over restarts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells one process of a node from the next: random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

/// One process of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeProcess {
    pub node: NodeId,
    pub incarnation: Incarnation,
}

/// What a living node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub incarnation: Incarnation,
    /// Where others reach it, host and port.
    pub address: String,
    /// Of the program.
    pub version: String,
    /// Hash of the rules: logs are replayed by the same rules only.
    pub rules: String,
}

/// Random, made for each claim: the fence. Whatever is written under another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimNonce(pub u128);

impl fmt::Display for ClaimNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::str::FromStr for ClaimNonce {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// Who owns a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub nonce: ClaimNonce,
    pub owner: NodeProcess,
    /// The claim whose place it took.
    pub replaced: Option<ClaimNonce>,
}

/// What became of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// It goes on.
    Kept,
    /// There was none.
    Made,
    /// Another process lives under the name.
    Taken,
}

/// What became of an attempt to own a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The room is owned; how many claims in a row were not followed by anything in its log.
    Owned { in_vain: u32 },
    /// Another claim stands.
    Taken,
    /// The room was deleted a short time ago.
    Gone,
}

/// What became of something that was to be written under a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is there, also where it was there before.
    Done,
    /// Batches since this one are missing.
    Behind(u64),
    /// There are later batches than the owner has written.
    Ahead,
    /// Nothing is known of the room.
    Lost,
    /// The room was deleted.
    Gone,
    /// Another claim stands.
    Fenced(ClaimNonce),
}

/// A room's log as it is kept: a snapshot and the batches since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredLog {
    pub snapshot: Vec<u8>,
    pub batches: Vec<Vec<u8>>,
    /// The number of the last batch.
    pub last: u64,
}

/// A batch of a room's log on its way.
#[derive(Debug, Clone)]
pub struct LogBatch {
    /// Counted from 1, over all claims; it follows the one before.
    pub number: u64,
    pub bytes: Bytes,
}

impl LogBatch {
    /// Tells it from another one of the same number.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(&Sha256::digest(&self.bytes)[..16])
    }
}

/// The store does not answer, or can't do it: what was asked for may have been done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store of the cluster: {0}")]
pub struct StoreDown(pub String);

/// What comes of a question to the store.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreDown>>;

/// Redis, or what stands for it. Each call ends within half a second or so, and may be made again: what was done is then done already.
pub trait ClusterStore: fmt::Debug + Send + Sync {
    /// Says that a node lives for so long.
    fn renew(&self, node: &NodeId, record: &NodeRecord, lease: Duration) -> Stored<'_, Renewed>;

    /// A process of a node has ended.
    fn resign(&self, process: &NodeProcess) -> Stored<'_, ()>;

    /// The nodes that live.
    fn living(&self) -> Stored<'_, Vec<(NodeId, NodeRecord)>>;

    /// Processes that own rooms, or did.
    fn owners(&self) -> Stored<'_, Vec<NodeProcess>>;

    /// Rooms that a process owns, or did.
    fn owned(&self, process: &NodeProcess) -> Stored<'_, Vec<RoomId>>;

    /// A process owns nothing any more.
    fn forget_owner(&self, process: &NodeProcess) -> Stored<'_, ()>;

    /// A process does not own this room any more.
    fn disown(&self, process: &NodeProcess, room: RoomId) -> Stored<'_, ()>;

    /// Who owns a room.
    fn claim_of(&self, room: RoomId) -> Stored<'_, Option<Claim>>;

    /// Takes the place of this claim, or of none.
    fn claim(&self, room: RoomId, expected: Option<ClaimNonce>, mine: &Claim) -> Stored<'_, Claimed>;

    /// Its log.
    fn read(&self, room: RoomId) -> Stored<'_, StoredLog>;

    /// Appends a batch.
    fn append(&self, room: RoomId, nonce: ClaimNonce, batch: &LogBatch) -> Stored<'_, Written>;

    /// Puts a snapshot in place of the log up to the batch of this number.
    fn replace(&self, room: RoomId, nonce: ClaimNonce, upto: u64, snapshot: Bytes) -> Stored<'_, Written>;

    /// The room lives: what is kept of it must not look old.
    fn touch(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written>;

    /// The room is over: claim and log go.
    fn release(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written>;

    /// The log is kept for post-mortem, and the claim goes.
    fn set_aside(&self, room: RoomId, nonce: ClaimNonce) -> Stored<'_, Written>;

    /// The room was deleted: nobody owns it, and nobody may for a while.
    fn delete(&self, room: RoomId) -> Stored<'_, ()>;
}
