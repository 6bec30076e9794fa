//! What a registry wants done outside, by whom, and what it holds of a room.

use serde::{Deserialize, Serialize};

use super::Found;
use crate::{
    access_revision::AccessRevision,
    ids::{OriginHash, RoomId, Timestamp, UserId},
    room::{RoomSettings, input::Notice},
};

/// Who began a room, so that it came to life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Founder {
    /// Its owner; also where nobody knows any more, as after a restart.
    Owner,
    /// Somebody else, from this network.
    Network(OriginHash),
    /// Somebody else, from nobody knows where: gateways and recorders.
    Unknown,
}

/// For whom a room may begin.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Beginner {
    /// The room's owner, if it is known.
    pub owner: Option<UserId>,
    /// How many rooms of the owner may live; 0: any number.
    pub living_max: usize,
    /// Whether they are counted.
    pub counted: bool,
    /// Who begins it: rooms that others began shut no owner out, and of those that nobody entered only those count that somebody
    /// of the same network began.
    pub by: Founder,
}

/// Why a journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loading {
    /// The room lives in it.
    Revive,
    /// The room's shell died too often: the journal is put aside instead.
    PutAside,
}

/// Tells one life of a room from the next one: which actor it is that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Life(pub u64);

/// Who carries a registry: its actor, or a simulator. Nothing here waits: what takes time comes back to the registry later.
pub trait Host {
    /// Whoever waits for a room.
    type Asker;
    type Room: RoomHandle;

    /// Never goes back.
    fn now(&self) -> Timestamp;
    /// Answers a search.
    fn answer(&mut self, asker: Self::Asker, found: Found<Self::Room>);
    /// Begins a room without a past; what becomes of it is put into the table, then comes [`super::Registry::came`].
    fn begin(&mut self, id: RoomId, settings: RoomSettings, beginner: Beginner);
    /// Reads a journal and asks the database; what becomes of it as with [`Host::begin`].
    fn load(&mut self, id: RoomId, loading: Loading);
    /// Deletes the journal of a room that does not live.
    fn delete_journal(&mut self, id: RoomId);
    /// Once a minute: deletes what is old of the journals that were put aside, and looks at the clock.
    fn tidy(&mut self);
    /// Asks the database which of these rooms it does not know, for [`super::Registry::missing`].
    fn look_for_missing(&mut self, rooms: Vec<RoomId>);
    /// The room tells [`super::Registry::stopped`] when it has written its last snapshot.
    fn stop(&mut self, room: Self::Room);
}

/// What a registry holds of a room that lives. All that is told is heard in order, and by nobody where the room is gone.
pub trait RoomHandle: Clone {
    fn life(&self) -> Life;
    /// Whether nobody hears any more: its shell has died, or has ended.
    fn is_gone(&self) -> bool;
    /// Whose room it is; none where no meeting has begun yet, or the journal of an earlier version does not say.
    fn owner(&self) -> Option<UserId>;
    fn founder(&self) -> Founder;
    /// Whether anybody has ever joined.
    fn was_entered(&self) -> bool;
    /// Word from REST.
    fn tell(&self, notice: Notice);
    /// The same: starts whose rows were read before this revision are read again.
    fn notice(&self, notice: Notice, revision: AccessRevision);
    /// No start meets the room any more: it may decide whether it ends.
    fn may_end(&self);
    /// Looks after itself.
    fn sweep(&self);
}

/// What a room tells its registry of itself.
pub trait Lifecycle: std::fmt::Debug + Send + Sync {
    /// It wants to end.
    fn ending(&self, room: RoomId, life: Life);
    /// It wanted to end and has got new work.
    fn stays(&self, room: RoomId, life: Life);
    /// It has ended.
    fn ended(&self, room: RoomId, life: Life);
    /// Nobody carries its shell any more, whatever ended it.
    fn gone(&self, room: RoomId, life: Life);
}
