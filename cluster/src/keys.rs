//! The names of what lies in Redis. All of a room lies in one slot of Redis Cluster.

use colloquy_actors::{
    cluster::store::{NodeId, NodeProcess},
    ids::RoomId,
};

/// The names under a prefix, so that several installations may use one Redis.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: String,
}

/// The names of what belongs to one room.
#[derive(Debug)]
pub struct RoomKeys {
    pub claim: String,
    pub journal: String,
    pub snapshot: String,
    pub staged: String,
    pub gone: String,
    pub journal_aside: String,
    pub snapshot_aside: String,
}

impl Keys {
    pub fn new(prefix: String) -> Self {
        Self { prefix }
    }

    pub fn room(&self, room: RoomId) -> RoomKeys {
        let key = |what: &str| format!("{}{{{room}}}:{what}", self.prefix);
        RoomKeys {
            claim: key("claim"),
            journal: key("journal"),
            snapshot: key("snapshot"),
            staged: key("staged"),
            gone: key("gone"),
            journal_aside: key("aside:journal"),
            snapshot_aside: key("aside:snapshot"),
        }
    }

    /// A node's lease.
    pub fn lease(&self, node: &NodeId) -> String {
        format!("{}node:{node}", self.prefix)
    }

    /// The names of all nodes that were ever here.
    pub fn nodes(&self) -> String {
        format!("{}nodes", self.prefix)
    }

    /// Processes that own rooms, or did.
    pub fn owners(&self) -> String {
        format!("{}owners", self.prefix)
    }

    /// The rooms of one of them.
    pub fn owned(&self, process: &NodeProcess) -> String {
        format!("{}owned:{}", self.prefix, owner(process))
    }
}

/// A process as the set of owners names it.
pub fn owner(process: &NodeProcess) -> String {
    format!("{}:{}", process.incarnation.0, process.node)
}
