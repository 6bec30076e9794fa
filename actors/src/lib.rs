//! The live core of Colloquy: rooms as deterministic state machines, their journals, actors and sessions.
//! No HTTP and no SQL: what the core needs from outside stands in [`ports`].

pub mod access_revision;
pub mod ballots;
mod bucket;
pub mod cluster;
pub mod edge;
pub mod encoding;
pub mod frame;
pub mod ids;
pub mod journal;
pub mod live;
pub mod livekit;
pub mod logged;
pub mod meeting_notes;
pub mod ports;
pub mod protocol;
pub mod registry;
pub mod registry_actor;
pub mod report;
pub mod room;
pub mod room_actor;
pub mod sealed;
pub mod session;
pub mod shell;
mod supervisor;
pub mod task;
pub mod ticket;
pub mod whiteboard;
