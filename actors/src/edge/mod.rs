//! Sessions of a room that have their sockets on another node of the cluster.
//!
//! The node where a room's actor runs is its owner; a node that has sockets of its participants is an edge. Between the two there is a
//! connection: what rooms have for sessions waits in an [`Outlet`] of the owner, and at the edge a [`RemoteRoom`] stands for the room.
//! Neither the room nor a session sees a difference.

mod outlet;
mod remote;
mod uplink;
pub mod wire;

pub use self::{
    outlet::{Downlink, Outlet, Ready, RemoteLink},
    remote::RemoteRoom,
    uplink::{CallFailed, Uplink},
};
use crate::{
    frame::Frame,
    protocol::{Namespaces, codes::CloseCode},
    session::Link,
    shell::SessionLink,
};

/// The room's end of a session, wherever its socket is.
#[derive(Debug, Clone)]
pub enum RoomLink {
    Here(Link),
    There(RemoteLink),
}

/// The same call of whichever it is.
macro_rules! of_either {
    ($link:expr, $one:ident => $call:expr) => {
        match $link {
            RoomLink::Here($one) => $call,
            RoomLink::There($one) => $call,
        }
    };
}

impl SessionLink for RoomLink {
    fn takes_part_in(&self, nonce: u64) {
        of_either!(self, link => link.takes_part_in(nonce));
    }

    fn push(&self, frame: Frame) {
        of_either!(self, link => link.push(frame));
    }

    fn bring(&self, seq: u64, frame: Frame) {
        of_either!(self, link => link.bring(seq, frame));
    }

    fn goes_on(&self, handled: u64) {
        of_either!(self, link => link.goes_on(handled));
    }

    fn lost(&self) {
        of_either!(self, link => link.lost());
    }

    fn open_namespaces(&self, namespaces: Namespaces) {
        of_either!(self, link => link.open_namespaces(namespaces));
    }

    fn close_namespaces(&self) {
        of_either!(self, link => link.close_namespaces());
    }

    fn close(&self, code: CloseCode) {
        of_either!(self, link => link.close(code));
    }

    fn node_stops(&self) {
        of_either!(self, link => link.node_stops());
    }

    fn is_cut(&self) -> bool {
        of_either!(self, link => link.is_cut())
    }

    fn command_handled(&self) {
        of_either!(self, link => link.command_handled());
    }
}
