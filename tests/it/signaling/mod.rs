//! The signaling protocol over real sockets, by section of its rules.

mod chat;
mod control;
mod envelope;
mod limits;
mod moderation;
mod resumption;
mod upgrade;
