//! Who takes part: users with several devices, guests, callers, a recorder.

use std::sync::Arc;

use colloquy_actors::{
    ids::{OriginHash, TokenHash},
    protocol::meeting::{Caller, Group, Identity},
    room::access::Origin,
};

use super::trial::{Kind, id_of};

/// A device of somebody; devices of one name belong to one user.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    pub name: &'static str,
    pub kind: Kind,
    groups: &'static [&'static str],
}

const fn role(name: &'static str, kind: Kind, groups: &'static [&'static str]) -> Role {
    Role { name, kind, groups }
}

pub const CAST: [Role; 11] = [
    role("alice", Kind::Owner, &["red", "blue"]),
    role("alice", Kind::Owner, &["red", "blue"]),
    role("bob", Kind::Moderator, &["red"]),
    role("bob", Kind::Moderator, &["red"]),
    role("carol", Kind::User, &["blue", "green"]),
    role("carol", Kind::User, &["blue", "green"]),
    role("dan", Kind::User, &[]),
    role("erin", Kind::Guest, &[]),
    role("frank", Kind::Guest, &[]),
    role("+49 30 123", Kind::Sip, &[]),
    role("recorder", Kind::Recorder, &[]),
];

/// All groups; nobody is in all of them.
pub const GROUPS: [&str; 3] = ["red", "blue", "green"];

impl Role {
    pub fn caller(&self) -> Caller {
        self.kind.caller(self.name)
    }

    /// Everybody of one name is at one place.
    pub fn origin(&self) -> Origin {
        Origin {
            network: OriginHash::new(*TokenHash::of(self.name).bytes()),
            counted: true,
        }
    }

    /// Whether nobody may see it.
    pub fn is_hidden(&self) -> bool {
        self.kind == Kind::Recorder
    }

    pub fn identity(&self) -> Identity {
        let groups = self.groups.iter().map(|name| Group {
            id: id_of(name).into(),
            name: Arc::from(*name),
        });
        Identity {
            groups: groups.collect(),
            ..self.kind.identity(self.name)
        }
    }
}
