//! Requests and answers of `RoomService`, as far as they matter here, in protobuf's JSON: unknown fields are ignored,
//! what is absent has its default.

use serde::{Deserialize, Serialize};

use super::shown::Participant;

/// The `video` claim of a token for the service.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Grant<'a> {
    #[serde(rename_all = "camelCase")]
    Admin { room: &'a str, room_admin: bool },
    #[serde(rename_all = "camelCase")]
    Create { room_create: bool },
    #[serde(rename_all = "camelCase")]
    List { room_list: bool },
}

#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    pub iss: &'a str,
    pub nbf: u64,
    pub exp: u64,
    pub video: Grant<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct OfRoom<'a> {
    pub room: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct NewRoom<'a> {
    pub name: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct OfAll {}

#[derive(Debug, Serialize)]
pub(super) struct OfParticipant<'a> {
    pub room: &'a str,
    pub identity: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct OfTrack<'a> {
    pub room: &'a str,
    pub identity: &'a str,
    pub track_sid: &'a str,
    pub muted: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Update<'a> {
    pub room: &'a str,
    pub identity: &'a str,
    pub permission: &'a NewPermission,
}

/// What a participant may do.
#[expect(clippy::struct_excessive_bools, reason = "the names and types are LiveKit's")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewPermission {
    pub can_subscribe: bool,
    pub can_publish: bool,
    pub can_publish_data: bool,
    pub can_publish_sources: Vec<&'static str>,
    pub hidden: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Participants {
    #[serde(default)]
    pub participants: Vec<Participant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rooms {
    #[serde(default)]
    pub rooms: Vec<NamedRoom>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NamedRoom {
    #[serde(default)]
    pub name: String,
}

/// An answer that says nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

/// Twirp's error.
#[derive(Debug, Deserialize)]
pub(super) struct ApiRefusal {
    pub code: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_for_one_room_or_for_rooms_as_such() {
        let room = "r";
        for (grant, json) in [
            (
                Grant::Admin {
                    room,
                    room_admin: true,
                },
                r#"{"room":"r","roomAdmin":true}"#,
            ),
            (Grant::Create { room_create: true }, r#"{"roomCreate":true}"#),
            (Grant::List { room_list: true }, r#"{"roomList":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&grant).unwrap(), json);
        }
    }
}
