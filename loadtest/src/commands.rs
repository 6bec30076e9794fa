//! What the load test says to the server.

use serde::Serialize;
use serde_json::Error;

#[derive(Serialize)]
struct Command<'a> {
    namespace: &'static str,
    payload: Action<'a>,
}

#[derive(Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action<'a> {
    Join {
        display_name: &'a str,
    },
    SendMessage {
        content: &'a str,
        scope: &'static str,
    },
    Accept {
        target: &'a str,
    },
    Start {
        rooms: &'a [BreakoutPlan],
    },
    ForceMute {
        participants: &'a [String],
    },
    #[serde(rename = "start")]
    StartStick(Stick<'a>),
    #[serde(rename = "start")]
    StartVote(Question<'a>),
    Vote {
        legal_vote_id: &'a str,
        option: &'static str,
        token: &'a str,
    },
}

/// A vote that ends with the last of its voters, and is told of while it runs.
#[derive(Serialize)]
struct Question<'a> {
    kind: &'static str,
    name: &'static str,
    allowed_participants: &'a [String],
    enable_abstain: bool,
    auto_close: bool,
    create_pdf: bool,
}

/// A talking stick that goes through a playlist.
#[expect(clippy::struct_excessive_bools, reason = "the fields of the wire")]
#[derive(Serialize)]
struct Stick<'a> {
    selection_strategy: &'static str,
    show_list: bool,
    consider_hand_raise: bool,
    allow_double_selection: bool,
    animation_on_random: bool,
    auto_append_on_join: bool,
    playlist: &'a [String],
}

/// A breakout room to be and who goes there.
#[derive(Debug, Serialize)]
pub struct BreakoutPlan {
    pub name: String,
    pub assignments: Vec<String>,
}

pub const RAISE_HAND: &str = r#"{"namespace":"control","payload":{"action":"raise_hand"}}"#;
pub const ENTER_ROOM: &str = r#"{"namespace":"control","payload":{"action":"enter_room"}}"#;
pub const HEARTBEAT: &str = r#"{"namespace":"echo","payload":{"action":"ping"}}"#;
pub const ENABLE_WAITING_ROOM: &str =
    r#"{"namespace":"moderation","payload":{"action":"enable_waiting_room"}}"#;
pub const STOP_BREAKOUT: &str = r#"{"namespace":"breakout","payload":{"action":"stop"}}"#;

pub const RESTRICT_MICROPHONES: &str = r#"{"namespace":"livekit","payload":{"action":"enable_microphone_restrictions","unrestricted_participants":[]}}"#;
pub const RELEASE_MICROPHONES: &str =
    r#"{"namespace":"livekit","payload":{"action":"disable_microphone_restrictions"}}"#;

pub const NEXT_SPEAKER: &str = r#"{"namespace":"automod","payload":{"action":"select","how":"next"}}"#;
pub const YIELD: &str = r#"{"namespace":"automod","payload":{"action":"yield"}}"#;

pub fn join(display_name: &str) -> Result<String, Error> {
    command("control", Action::Join { display_name })
}

pub fn send_message(content: &str) -> Result<String, Error> {
    let scope = "global";
    command("chat", Action::SendMessage { content, scope })
}

pub fn accept(target: &str) -> Result<String, Error> {
    command("moderation", Action::Accept { target })
}

pub fn start_breakout(rooms: &[BreakoutPlan]) -> Result<String, Error> {
    command("breakout", Action::Start { rooms })
}

pub fn force_mute(participants: &[String]) -> Result<String, Error> {
    command("livekit", Action::ForceMute { participants })
}

pub fn start_stick(playlist: &[String]) -> Result<String, Error> {
    let stick = Stick {
        selection_strategy: "playlist",
        show_list: true,
        consider_hand_raise: false,
        allow_double_selection: false,
        animation_on_random: false,
        auto_append_on_join: true,
        playlist,
    };
    command("automod", Action::StartStick(stick))
}

pub fn start_vote(voters: &[String]) -> Result<String, Error> {
    let question = Question {
        kind: "live_roll_call",
        name: "Load test",
        allowed_participants: voters,
        enable_abstain: false,
        auto_close: true,
        create_pdf: false,
    };
    command("legal_vote", Action::StartVote(question))
}

pub fn vote(legal_vote_id: &str, token: &str) -> Result<String, Error> {
    let vote = Action::Vote {
        legal_vote_id,
        option: "yes",
        token,
    };
    command("legal_vote", vote)
}

fn command(namespace: &'static str, payload: Action<'_>) -> Result<String, Error> {
    serde_json::to_string(&Command { namespace, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_look_as_documented() {
        let plan = BreakoutPlan {
            name: "Room 1".to_owned(),
            assignments: vec!["a".to_owned(), "b".to_owned()],
        };
        for (command, expected) in [
            (
                join("Zoë \"Z\""),
                r#"{"namespace":"control","payload":{"action":"join","display_name":"Zoë \"Z\""}}"#,
            ),
            (
                send_message("hi"),
                r#"{"namespace":"chat","payload":{"action":"send_message","content":"hi","scope":"global"}}"#,
            ),
            (
                accept("a"),
                r#"{"namespace":"moderation","payload":{"action":"accept","target":"a"}}"#,
            ),
            (
                start_breakout(&[plan]),
                r#"{"namespace":"breakout","payload":{"action":"start","rooms":[{"name":"Room 1","assignments":["a","b"]}]}}"#,
            ),
            (
                start_stick(&["a".to_owned()]),
                r#"{"namespace":"automod","payload":{"action":"start","selection_strategy":"playlist","show_list":true,"consider_hand_raise":false,"allow_double_selection":false,"animation_on_random":false,"auto_append_on_join":true,"playlist":["a"]}}"#,
            ),
            (
                start_vote(&["a".to_owned()]),
                r#"{"namespace":"legal_vote","payload":{"action":"start","kind":"live_roll_call","name":"Load test","allowed_participants":["a"],"enable_abstain":false,"auto_close":true,"create_pdf":false}}"#,
            ),
            (
                vote("v", "t"),
                r#"{"namespace":"legal_vote","payload":{"action":"vote","legal_vote_id":"v","option":"yes","token":"t"}}"#,
            ),
        ] {
            assert_eq!(command.unwrap(), expected);
        }
    }
}
