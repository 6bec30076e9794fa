//! Who may do what: subject × operation, as a table. Every operation of the API has a row; a new one fails the test until
//! it gets one. Beside the rules themselves, every row is tried out: each subject sends the request.

use std::collections::{BTreeMap, BTreeSet};

use colloquy::{
    config::DevUser,
    permissions::{
        AccessDenied, Machine, Operation, Standing,
        Subject::{self, Guest, User},
        check,
    },
    store::users::upsert_from_claims,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::Answer,
    api::{Api, request},
};
use crate::{databases::Kind, support::planted};

/// The columns of [`TABLE`], and who plays them.
const SUBJECTS: [(&str, Subject); 9] = [
    ("alice", User(Standing::Owner)),
    ("bob", User(Standing::Moderator)),
    ("carol", User(Standing::Invited)),
    ("dora", User(Standing::Stranger)),
    ("erin", User(Standing::Foreign)),
    ("a guest", Guest { of_this_room: true }),
    ("a guest of another room", Guest { of_this_room: false }),
    ("call-in", Subject::Machine(Machine::CallIn)),
    ("recorder", Subject::Machine(Machine::Recorder)),
];

/// Operations that ask nobody who calls, or have a secret of their own.
const OPEN: [&str; 10] = [
    "GET /v1/auth/login",
    "POST /v1/auth/login",
    "POST /v1/auth/logout",
    "POST /v1/invite/verify",
    "POST /v1/rooms/{room_id}/start_invited",
    "GET /v1/signaling",
    "GET /v1/users/me/calendar.ics",
    "GET /v1/mail/unsubscribe/{token}",
    "POST /v1/mail/unsubscribe/{token}",
    "POST /v1/mail/subscribe/{token}",
];

/// Method and path, what is done there, and for each of [`SUBJECTS`]: `+` allowed, `-` forbidden (403), `.` hidden (404).
#[rustfmt::skip]
const TABLE: &[(&str, Operation, &str)] = &[
    ("GET /v1/users", Operation::ActForOneself, "+++++----"),
    ("GET /v1/users/find", Operation::ActForOneself, "+++++----"),
    ("GET /v1/users/me", Operation::ActForOneself, "+++++----"),
    ("PATCH /v1/users/me", Operation::ActForOneself, "+++++----"),
    ("GET /v1/users/me/tariff", Operation::ActForOneself, "+++++----"),
    ("GET /v1/users/me/assets", Operation::ActForOneself, "+++++----"),
    ("GET /v1/users/me/pending_invites", Operation::ActForOneself, "+++++----"),
    ("DELETE /v1/users/me/calendar_feed", Operation::ActForOneself, "+++++----"),
    ("POST /v1/users/me/calendar_feed", Operation::ActForOneself, "+++++----"),
    ("GET /v1/users/{id}", Operation::ReadUser, "++++.----"),
    ("GET /v1/turn", Operation::ReadTurnServers, "+++++++--"),
    ("GET /v1/rooms", Operation::ActForOneself, "+++++----"),
    ("POST /v1/rooms", Operation::ActForOneself, "+++++----"),
    ("GET /v1/rooms/{room_id}", Operation::ReadRoom, "+++..----"),
    ("PATCH /v1/rooms/{room_id}", Operation::ChangeRoom, "+--..----"),
    ("DELETE /v1/rooms/{room_id}", Operation::DeleteRoom, "+--..----"),
    ("GET /v1/rooms/{room_id}/tariff", Operation::ReadRoomTariff, "+++..+---"),
    ("GET /v1/rooms/{room_id}/event", Operation::ReadRoomEvent, "+++..+---"),
    ("POST /v1/rooms/{room_id}/start", Operation::StartRoom, "+++..----"),
    ("GET /v1/rooms/{room_id}/invites", Operation::ReadInviteCodes, "+++..----"),
    ("POST /v1/rooms/{room_id}/invites", Operation::ChangeInviteCodes, "++-..----"),
    ("GET /v1/rooms/{room_id}/invites/{invite_code}", Operation::ReadInviteCodes, "+++..----"),
    ("PUT /v1/rooms/{room_id}/invites/{invite_code}", Operation::ChangeInviteCodes, "++-..----"),
    ("DELETE /v1/rooms/{room_id}/invites/{invite_code}", Operation::ChangeInviteCodes, "++-..----"),
    ("GET /v1/rooms/{room_id}/sip", Operation::ReadTelephoneAccess, "+++..----"),
    ("PUT /v1/rooms/{room_id}/sip", Operation::ChangeTelephoneAccess, "+--..----"),
    ("DELETE /v1/rooms/{room_id}/sip", Operation::ChangeTelephoneAccess, "+--..----"),
    ("GET /v1/rooms/{room_id}/assets", Operation::ReadAssets, "+++..----"),
    ("POST /v1/rooms/{room_id}/assets", Operation::CreateAsset, "+--..----"),
    ("GET /v1/rooms/{room_id}/assets/{asset_id}", Operation::ReadAssets, "+++..----"),
    ("DELETE /v1/rooms/{room_id}/assets/{asset_id}", Operation::DeleteAsset, "+--..----"),
    ("GET /v1/rooms/{room_id}/streaming_targets", Operation::ReadStreamingTargets, "+++..----"),
    ("POST /v1/rooms/{room_id}/streaming_targets", Operation::ChangeStreamingTargets, "+--..----"),
    ("GET /v1/rooms/{room_id}/streaming_targets/{streaming_target_id}", Operation::ReadStreamingTargets, "+++..----"),
    ("PATCH /v1/rooms/{room_id}/streaming_targets/{streaming_target_id}", Operation::ChangeStreamingTargets, "+--..----"),
    ("DELETE /v1/rooms/{room_id}/streaming_targets/{streaming_target_id}", Operation::ChangeStreamingTargets, "+--..----"),
    ("the keys in those", Operation::ReadStreamingKeys, "+--..----"),
    ("GET /v1/events", Operation::ActForOneself, "+++++----"),
    ("POST /v1/events", Operation::ActForOneself, "+++++----"),
    ("GET /v1/events/{event_id}", Operation::ReadEvent, "+++..----"),
    ("PATCH /v1/events/{event_id}", Operation::ChangeEvent, "+--..----"),
    ("DELETE /v1/events/{event_id}", Operation::DeleteEvent, "+--..----"),
    ("GET /v1/events/{event_id}/instances", Operation::ReadEvent, "+++..----"),
    ("GET /v1/events/{event_id}/instances/{instance_id}", Operation::ReadEvent, "+++..----"),
    ("PATCH /v1/events/{event_id}/instances/{instance_id}", Operation::ChangeEvent, "+--..----"),
    ("PATCH /v1/events/{event_id}/invite", Operation::AnswerInvitation, "+++..----"),
    ("DELETE /v1/events/{event_id}/invite", Operation::AnswerInvitation, "+++..----"),
    ("GET /v1/events/{event_id}/invites", Operation::ReadInvitees, "+++..----"),
    ("POST /v1/events/{event_id}/invites", Operation::ChangeInvitees, "+--..----"),
    ("PATCH /v1/events/{event_id}/invites/email", Operation::ChangeInvitees, "+--..----"),
    ("DELETE /v1/events/{event_id}/invites/email", Operation::ChangeInvitees, "+--..----"),
    ("PATCH /v1/events/{event_id}/invites/{user_id}", Operation::ChangeInvitees, "+--..----"),
    ("DELETE /v1/events/{event_id}/invites/{user_id}", Operation::ChangeInvitees, "+--..----"),
    ("the same by the invitee", Operation::AnswerInvitation, "+++..----"),
    ("GET /v1/events/{event_id}/shared_folder", Operation::ReadSharedFolder, "+++..----"),
    ("PUT /v1/events/{event_id}/shared_folder", Operation::ChangeSharedFolder, "+--..----"),
    ("DELETE /v1/events/{event_id}/shared_folder", Operation::ChangeSharedFolder, "+--..----"),
    ("PUT /v1/users/me/event_favorites/{event_id}", Operation::MarkFavorite, "+++..----"),
    ("DELETE /v1/users/me/event_favorites/{event_id}", Operation::MarkFavorite, "+++..----"),
    ("POST /v1/services/call_in/start", Operation::StartTelephoneCall, "-------+-"),
    ("GET /v1/services/recording/jobs", Operation::TakeRecordingJobs, "--------+"),
    ("POST /v1/services/recording/start", Operation::StartRecording, "--------+"),
    ("GET /v1/services/recording/upload", Operation::UploadRecording, "--------+"),
];

/// The query of an upload.
const UPLOAD: &str = "kind=x&file_extension=x";

/// Rows that are tried out elsewhere: the answer depends on more than on who calls.
const TRIED_ELSEWHERE: &[&str] = &[
    // Whoever created the event has no invitation.
    "PATCH /v1/events/{event_id}/invite",
    "DELETE /v1/events/{event_id}/invite",
    // The body names whom it is about.
    "PATCH /v1/events/{event_id}/invites/email",
    "DELETE /v1/events/{event_id}/invites/email",
    // There is neither a storage provider nor a folder.
    "GET /v1/events/{event_id}/shared_folder",
    "PUT /v1/events/{event_id}/shared_folder",
    "DELETE /v1/events/{event_id}/shared_folder",
];

#[test]
fn every_subject_may_do_what_the_table_says() {
    for (path, operation, expected) in TABLE {
        assert_eq!(expected.len(), SUBJECTS.len(), "{path}");
        for ((name, subject), expected) in SUBJECTS.into_iter().zip(expected.chars()) {
            let answer = match check(subject, *operation) {
                Ok(()) => '+',
                Err(AccessDenied::Forbidden) => '-',
                Err(AccessDenied::Hidden) => '.',
            };
            assert_eq!(answer, expected, "{name}: {path}");
        }
    }
}

#[test]
fn equal_operations_have_equal_rows() {
    let mut rows = BTreeMap::new();
    for (path, operation, expected) in TABLE {
        let (first, row) = *rows.entry(format!("{operation:?}")).or_insert((path, expected));
        assert_eq!(row, expected, "{path} and {first}");
    }
}

#[test]
fn every_operation_of_the_api_has_a_row() {
    let known: BTreeSet<&str> = TABLE.iter().map(|(path, ..)| *path).chain(OPEN).collect();
    assert_eq!(known.len(), TABLE.len() + OPEN.len(), "a row stands there twice");
    for operation in served() {
        assert!(known.contains(&*operation), "{operation} has no row");
    }
}

/// Method and path of every operation.
fn served() -> BTreeSet<String> {
    let document = serde_json::to_value(colloquy::http::api::document()).expect("JSON");
    let mut served = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            served.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    served
}

on_both_databases!(Cast: each_request_is_answered_as_the_table_says, a_withdrawn_invitation_takes_access_away);

/// Everybody in [`SUBJECTS`], with their access tokens; guests have none.
struct Cast {
    api: Api,
    tokens: Vec<String>,
}

/// What alice has made for one row.
struct Stage {
    room: String,
    code: String,
    /// Of another room.
    other_code: String,
    event: Uuid,
    /// Without a content.
    asset: String,
    owner: String,
    /// Somebody who is invited, and none of [`SUBJECTS`].
    invitee: String,
    target: String,
}

/// What is looked at before the permissions must be right.
fn streaming_target() -> Value {
    json!({
        "name": "Live", "kind": "custom", "streaming_endpoint": "rtmp://live.example.org/app",
        "streaming_key": "secret", "public_url": "https://live.example.org/",
    })
}

impl Cast {
    async fn start(kind: Kind) -> Self {
        let api = Api::with(kind, |config| {
            for name in ["erin", "frank"] {
                let person = DevUser {
                    username: name.to_owned(),
                    password: name.to_owned(),
                    email: format!("{name}@example.org"),
                    ..config.dev_issuer.users[0].clone()
                };
                config.dev_issuer.users.push(person);
            }
        })
        .await;
        let mut cast = Self {
            api,
            tokens: Vec::new(),
        };
        for (name, subject) in SUBJECTS {
            let token = match subject {
                Guest { .. } => String::new(),
                User(_) => {
                    let person = cast.api.person(name).await;
                    cast.api.get(&person, "/v1/users/me").await.expect(200);
                    person.access_token
                }
                Subject::Machine(_) => cast.api.person(name).await.access_token,
            };
            cast.tokens.push(token);
        }
        cast.send_abroad("erin").await;
        cast
    }

    async fn finish(self) {
        self.api.finish().await;
    }

    /// Puts somebody into another tenant, as a claim would.
    async fn send_abroad(&self, name: &str) {
        let state = &self.api.state;
        let person = self.api.person(name).await;
        let token = state.verifier.verify_access_token(&person.access_token).await;
        let mut token = (*token.expect("a good token")).clone();
        token.profile.tenant_id = Some("abroad".to_owned());
        upsert_from_claims(&state.db, &token, &state.new_user_defaults(), state.clock.now())
            .await
            .expect("a user");
    }

    /// A room of alice's with an event, to which bob is invited as a moderator, and carol and erin as users.
    async fn stage(&self) -> Stage {
        let alice = self.api.person("alice").await;
        let room = self.api.room(&alice, json!({"enable_sip": true})).await;
        let other = self.api.room(&alice, json!({})).await;
        let code = self.api.invite(&alice, &room, json!({})).await;
        let other_code = self.api.invite(&alice, &other, json!({})).await;
        let targets = format!("/v1/rooms/{room}/streaming_targets");
        let target = self
            .api
            .call(&alice, "POST", &targets, streaming_target())
            .await
            .expect(201)["id"]
            .clone();
        let owner = self.api.get(&alice, "/v1/users/me").await.expect(200)["id"].clone();
        let frank = self.api.person("frank").await;
        let invitee = self.api.get(&frank, "/v1/users/me").await.expect(200)["id"].clone();
        let asset = self.api.upload(&alice, &room, UPLOAD, "").await.expect(200)["id"].clone();
        let db = &self.api.state.db;
        let event = planted::event(db, room.parse().expect("an id")).await;
        let first = "2027-01-15T09:00:00Z".parse().expect("a time");
        planted::make_weekly(db, event, first).await;
        for (email, role, status) in [
            ("bob@example.org", "moderator", "accepted"),
            ("carol@example.org", "user", "declined"),
            ("erin@example.org", "moderator", "pending"),
            ("frank@example.org", "user", "pending"),
        ] {
            planted::invitation(db, event, email, role, status).await;
        }
        Stage {
            room,
            code,
            other_code,
            event,
            asset: asset.as_str().expect("an id").to_owned(),
            owner: owner.as_str().expect("an id").to_owned(),
            invitee: invitee.as_str().expect("an id").to_owned(),
            target: target.as_str().expect("an id").to_owned(),
        }
    }

    async fn answer(&self, who: usize, operation: &str, stage: &Stage) -> Answer {
        let (method, path) = operation.split_once(' ').expect("method and path");
        let path = path
            .replace("{room_id}", &stage.room)
            .replace("{invite_code}", &stage.code)
            .replace("{event_id}", &stage.event.to_string())
            .replace("{user_id}", &stage.invitee)
            .replace("{instance_id}", "20270115T090000Z")
            .replace("{streaming_target_id}", &stage.target)
            .replace("{asset_id}", &stage.asset)
            .replace("{id}", &stage.owner);
        let path = match operation {
            "POST /v1/rooms/{room_id}/assets" => format!("{path}?{UPLOAD}"),
            _ => path,
        };
        let body = if matches!(method, "GET" | "DELETE") {
            Value::Null
        } else if method == "POST" && path.ends_with("/streaming_targets") {
            streaming_target()
        } else {
            json!({})
        };
        let authorization = match SUBJECTS[who].1 {
            Guest { of_this_room: true } => format!("InviteCode {}", stage.code),
            Guest { of_this_room: false } => format!("InviteCode {}", stage.other_code),
            User(_) | Subject::Machine(_) => format!("Bearer {}", self.tokens[who]),
        };
        let request = request(method, &path, Some(&authorization), &body);
        self.api.send(request).await
    }
}

async fn each_request_is_answered_as_the_table_says(cast: &Cast) {
    let served = served();
    for (operation, _, expected) in TABLE {
        if !served.contains(*operation) || TRIED_ELSEWHERE.contains(operation) {
            continue;
        }
        let stage = cast.stage().await;
        // Those who are refused come first: what they do must not matter to the others.
        for allowed in ['.', '-', '+'] {
            for (who, (name, _)) in SUBJECTS.into_iter().enumerate() {
                if expected.chars().nth(who) != Some(allowed) {
                    continue;
                }
                let answer = cast.answer(who, operation, &stage).await;
                let at = format!("{name}: {operation}: {}", answer.body);
                match allowed {
                    '.' => assert_eq!(answer.status, 404, "{at}"),
                    '-' => assert_eq!(answer.status, 403, "{at}"),
                    _ => assert!(![401, 403, 404, 405].contains(&answer.status.as_u16()), "{at}"),
                }
            }
        }
    }
}

async fn a_withdrawn_invitation_takes_access_away(cast: &Cast) {
    let stage = cast.stage().await;
    let carol = cast.api.person("carol").await;
    let path = format!("/v1/rooms/{}", stage.room);
    assert_eq!(cast.api.get(&carol, &path).await.expect(200)["id"], stage.room);
    let listed = cast.api.get(&carol, "/v1/rooms").await.expect(200);
    assert_eq!(listed[0]["id"], stage.room);
    planted::withdraw(&cast.api.state.db, stage.event, "carol@example.org").await;
    cast.api.get(&carol, &path).await.refused(404, "not_found");
    assert_eq!(cast.api.get(&carol, "/v1/rooms").await.expect(200), json!([]));
}
