//! The live core of Colloquy: rooms as deterministic state machines, their journals, actors and sessions.
//! No HTTP and no SQL: what the core needs from outside stands in [`ports`].

pub mod ids;
pub mod journal;
pub mod logged;
pub mod protocol;
pub mod room;
