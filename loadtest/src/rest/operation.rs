//! The operations that can be measured.

use clap::ValueEnum;
use reqwest::Method;
use uuid::Uuid;

/// An operation; all are the first account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// GET /users/me
    Me,
    /// GET /rooms, 20 per page
    Rooms,
    /// GET /rooms/{id}
    Room,
    /// GET /rooms/{id}/invites
    Invites,
    /// POST /rooms/{id}/start: needs a raised `signaling.tickets_per_address_per_second`
    Start,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Me => "GET /users/me",
            Self::Rooms => "GET /rooms?per_page=20",
            Self::Room => "GET /rooms/{id}",
            Self::Invites => "GET /rooms/{id}/invites",
            Self::Start => "POST /rooms/{id}/start",
        }
    }

    pub fn method(self) -> Method {
        match self {
            Self::Start => Method::POST,
            _ => Method::GET,
        }
    }

    pub fn path(self, room: Uuid) -> String {
        match self {
            Self::Me => "/v1/users/me".to_owned(),
            Self::Rooms => "/v1/rooms?per_page=20".to_owned(),
            Self::Room => format!("/v1/rooms/{room}"),
            Self::Invites => format!("/v1/rooms/{room}/invites"),
            Self::Start => format!("/v1/rooms/{room}/start"),
        }
    }
}
