//! Messages that are almost right: commands of all namespaces with something wrong in them.

use serde_json::{Value, json};

use super::dice::Dice;

/// Commands as clients write them. A string that begins with `$` stands for an id that is known at the time.
const COMMANDS: [&str; 67] = [
    r#"{"namespace":"control","payload":{"action":"join","display_name":"Ann"}}"#,
    r#"{"namespace":"control","payload":{"action":"join"}}"#,
    r#"{"namespace":"control","payload":{"action":"enter_room"}}"#,
    r#"{"namespace":"control","payload":{"action":"raise_hand"}}"#,
    r#"{"namespace":"control","payload":{"action":"lower_hand"}}"#,
    r#"{"namespace":"control","payload":{"action":"grant_moderator_role","target":"$person"}}"#,
    r#"{"namespace":"control","payload":{"action":"revoke_moderator_role","target":"$person"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"kick","target":"$person"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"ban","target":"$person"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"send_to_waiting_room","target":"$person"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"debrief","kick_scope":"guests"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"change_display_name","new_name":"Bo","target":"$person"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"enable_waiting_room"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"disable_waiting_room"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"enable_raise_hands"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"disable_raise_hands"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"accept","target":"$person"}}"#,
    r#"{"namespace":"moderation","payload":{"action":"reset_raised_hands","target":["$person","$person"]}}"#,
    r#"{"namespace":"moderation","payload":{"action":"reset_raised_hands","target":"$person"}}"#,
    r#"{"namespace":"breakout","payload":{"action":"start","rooms":[{"name":"A","assignments":["$person"]}],"duration":60}}"#,
    r#"{"namespace":"breakout","payload":{"action":"start","rooms":[{"name":"A","assignments":[]},{"name":"B","assignments":["$person"]}]}}"#,
    r#"{"namespace":"breakout","payload":{"action":"start","rooms":[{"name":"A","assignments":[]}],"duration":5,"strategy":"manual"}}"#,
    r#"{"namespace":"breakout","payload":{"action":"stop"}}"#,
    r#"{"namespace":"chat","payload":{"action":"send_message","content":"hello","scope":"global"}}"#,
    r#"{"namespace":"chat","payload":{"action":"send_message","content":"hello","scope":"private","target":"$person"}}"#,
    r#"{"namespace":"chat","payload":{"action":"send_message","content":"hello","scope":"group","target":"red"}}"#,
    r#"{"namespace":"chat","payload":{"action":"send_message","content":"\u0001\tÄ\r\n\u001f","scope":"global"}}"#,
    r#"{"namespace":"chat","payload":{"action":"enable_chat"}}"#,
    r#"{"namespace":"chat","payload":{"action":"disable_chat"}}"#,
    r#"{"namespace":"chat","payload":{"action":"clear_history"}}"#,
    r#"{"namespace":"chat","payload":{"action":"set_last_seen_timestamp","scope":"global","timestamp":"2026-01-01T00:00:00Z"}}"#,
    r#"{"namespace":"chat","payload":{"action":"set_last_seen_timestamp","scope":"private","target":"$person","timestamp":"2026-01-01T00:00:00.5+02:00"}}"#,
    r#"{"namespace":"chat","payload":{"action":"get_history_chunk","message_index":3,"scope":"global"}}"#,
    r#"{"namespace":"chat","payload":{"action":"get_history_chunk","message_index":0,"scope":"group"}}"#,
    r#"{"namespace":"chat","payload":{"action":"get_history_chunk","message_index":1,"scope":"private","target":"$person"}}"#,
    r#"{"namespace":"chat","payload":{"action":"search_history","term":"HELLO","scope":"group","target":"red"}}"#,
    r#"{"namespace":"chat","payload":{"action":"search_history","term":"hello","message_index":0,"scope":"private","target":"$person"}}"#,
    r#"{"namespace":"timer","payload":{"action":"start","kind":"countdown","duration":30,"style":"round","title":"tea","enable_ready_check":true}}"#,
    r#"{"namespace":"timer","payload":{"action":"start","kind":"stopwatch","enable_ready_check":true}}"#,
    r#"{"namespace":"timer","payload":{"action":"start","kind":"stopwatch","duration":0,"timezone":"Europe/Berlin"}}"#,
    r#"{"namespace":"timer","payload":{"action":"stop","timer_id":"$timer","reason":"over"}}"#,
    r#"{"namespace":"timer","payload":{"action":"update_ready_status","timer_id":"$timer","status":true}}"#,
    r#"{"namespace":"polls","payload":{"action":"start","topic":"lunch","live":true,"multiple_choice":true,"choices":["soup","rice"],"duration":30}}"#,
    r#"{"namespace":"polls","payload":{"action":"vote","poll_id":"$poll","choice_id":1}}"#,
    r#"{"namespace":"polls","payload":{"action":"vote","poll_id":"$poll","choice_ids":[0,1]}}"#,
    r#"{"namespace":"polls","payload":{"action":"finish","id":"$poll"}}"#,
    r#"{"namespace":"automod","payload":{"action":"start","selection_strategy":"playlist","show_list":true,"consider_hand_raise":true,"time_limit":500,"allow_double_selection":false,"animation_on_random":false,"auto_append_on_join":true,"playlist":["$person","$person"]}}"#,
    r#"{"namespace":"automod","payload":{"action":"start","selection_strategy":"random","show_list":false,"consider_hand_raise":false,"allow_double_selection":true,"animation_on_random":true,"auto_append_on_join":true,"allow_list":["$person","$person"]}}"#,
    r#"{"namespace":"automod","payload":{"action":"edit","playlist":["$person"],"allow_list":["$person"]}}"#,
    r#"{"namespace":"automod","payload":{"action":"select","how":"specific","participant":"$person","keep_in_remaining":true}}"#,
    r#"{"namespace":"automod","payload":{"action":"yield","next":"$person"}}"#,
    r#"{"namespace":"livekit","payload":{"action":"create_new_access_token"}}"#,
    r#"{"namespace":"meeting_notes","payload":{"action":"select_writer","participant_ids":["$person"]}}"#,
    r#"{"namespace":"meeting_notes","payload":{"action":"deselect_writer","participant_ids":["$person"]}}"#,
    r#"{"namespace":"meeting_notes","payload":{"action":"generate_pdf"}}"#,
    r#"{"namespace":"whiteboard","payload":{"action":"initialize"}}"#,
    r#"{"namespace":"whiteboard","payload":{"action":"generate_pdf"}}"#,
    r#"{"namespace":"livekit","payload":{"action":"request_popout_stream_access_token"}}"#,
    r#"{"namespace":"livekit","payload":{"action":"force_mute","participants":["$person"]}}"#,
    r#"{"namespace":"livekit","payload":{"action":"grant_screen_share_permission","participants":["$person"]}}"#,
    r#"{"namespace":"livekit","payload":{"action":"enable_microphone_restrictions","unrestricted_participants":["$person"]}}"#,
    r#"{"namespace":"recording","payload":{"action":"set_consent","consent":true}}"#,
    r#"{"namespace":"recording","payload":{"action":"start_stream","target_ids":["7265636f-7264-696e-6700-000000000000"]}}"#,
    r#"{"namespace":"recording","payload":{"action":"pause_stream","target_ids":["7265636f-7264-696e-6700-000000000000"]}}"#,
    r#"{"namespace":"recording","payload":{"action":"stop_stream","target_ids":["7265636f-7264-696e-6700-000000000000"]}}"#,
    r#"{"namespace":"recording_service","payload":{"message":"stream_updated","target_id":"7265636f-7264-696e-6700-000000000000","status":"active"}}"#,
    r#"{"namespace":"recording_service","payload":{"message":"stream_updated","target_id":"7265636f-7264-696e-6700-000000000000","status":"error","reason":{"code":"full","message":"No space left"}}}"#,
];

/// Pieces of text that belong nowhere.
const PIECES: [&str; 24] = [
    "\u{feff}",
    "\0",
    "\\u0000",
    "\\ud800",
    "\\udc00\\ud800",
    "1e999",
    "-0",
    "99999999999999999999999999",
    "NaN",
    "null",
    "}",
    "{",
    "]",
    "[",
    ",",
    ":",
    "\"",
    "\\",
    "/**/",
    "\u{202e}",
    "\u{200d}",
    "e\u{308}",
    "🧑🏽‍🚀",
    "\n\r\t ",
];

/// Keys that mean something somewhere.
const KEYS: [&str; 13] = [
    "namespace",
    "payload",
    "action",
    "scope",
    "target",
    "kind",
    "choice_id",
    "choice_ids",
    "timestamp",
    "duration",
    "strategy",
    "",
    "$serde_json::private::Number",
];

/// How deep nonsense is nested: beyond what a parser takes, and below.
const NESTING: [usize; 4] = [3, 100, 126, 3_000];

/// Ids that a command may name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub people: Vec<String>,
    pub timers: Vec<String>,
    pub polls: Vec<String>,
}

/// Makes messages.
#[derive(Debug)]
pub struct Odd {
    commands: Vec<Value>,
}

impl Odd {
    pub fn new() -> Self {
        let commands = COMMANDS
            .iter()
            .map(|text| serde_json::from_str(text).unwrap_or_default());
        Self {
            commands: commands.collect(),
        }
    }

    /// A message: a valid command in one of four cases, else with up to three things wrong.
    pub fn message(&self, dice: &mut impl Dice, known: &Known) -> String {
        let mut message = dice.pick(&self.commands).cloned().unwrap_or_default();
        fill_in(&mut message, dice, known);
        let faults = dice.below(4);
        let in_text = dice.below(faults + 1);
        for _ in in_text..faults {
            spoil(&mut message, dice, known);
        }
        let mut text = message.to_string();
        for _ in 0..in_text {
            spoil_text(&mut text, dice);
        }
        text
    }
}

fn fill_in(value: &mut Value, dice: &mut impl Dice, known: &Known) {
    match value {
        Value::String(text) => {
            let ids = match text.as_str() {
                "$person" => &known.people,
                "$timer" => &known.timers,
                "$poll" => &known.polls,
                _ => return,
            };
            if let Some(id) = dice.pick(ids) {
                text.clone_from(id);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| fill_in(value, dice, known)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill_in(value, dice, known)),
        _ => {}
    }
}

/// Changes something anywhere in a tree.
fn spoil(value: &mut Value, dice: &mut impl Dice, known: &Known) {
    let goes_deeper = !dice.one_in(3);
    match value {
        Value::Object(fields) if !fields.is_empty() && goes_deeper => {
            let key = fields
                .keys()
                .nth(dice.below(fields.len()))
                .cloned()
                .unwrap_or_default();
            match dice.below(8) {
                0 => {
                    fields.remove(&key);
                }
                1 => {
                    let moved = fields.remove(&key).unwrap_or_default();
                    fields.insert((*dice.pick(&KEYS).unwrap_or(&"")).to_owned(), moved);
                }
                2 => {
                    let name = (*dice.pick(&KEYS).unwrap_or(&"")).to_owned();
                    let odd = odd_value(dice, known);
                    fields.insert(name, odd);
                }
                _ => {
                    if let Some(field) = fields.get_mut(&key) {
                        spoil(field, dice, known);
                    }
                }
            }
        }
        Value::Array(list) if !list.is_empty() && goes_deeper => {
            let index = dice.below(list.len());
            match dice.below(4) {
                0 => {
                    list.remove(index);
                }
                1 => list.push(odd_value(dice, known)),
                _ => spoil(&mut list[index], dice, known),
            }
        }
        _ => *value = odd_value(dice, known),
    }
}

fn odd_value(dice: &mut impl Dice, known: &Known) -> Value {
    let person = || json!(known.people.first());
    match dice.below(24) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(0),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(1.5),
        7 => json!(1e308),
        8 => json!(""),
        9 => json!(" "),
        10 => json!("a\0b"),
        11 => json!("🧑🏽‍🚀".repeat(dice.below(60))),
        12 => json!("x".repeat(dice.below(6_000))),
        13 => json!([]),
        14 => json!({}),
        15 => json!({"action": "join"}),
        16 => json!("FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF"),
        17 => json!("2026-13-45T99:00:00Z"),
        18 => json!("+262142-12-31T23:59:59Z"),
        19 => json!("-9999-01-01T00:00:00Z"),
        20 => Value::Array(vec![person(); dice.below(30)]),
        21 if dice.one_in(40) => Value::Array(vec![person(); 1_001]),
        22 => json!(dice.roll(u64::MAX)),
        _ => person(),
    }
}

/// Changes a text anywhere.
fn spoil_text(text: &mut String, dice: &mut impl Dice) {
    let at = text.floor_char_boundary(dice.below(text.len() + 1));
    match dice.below(8) {
        0 => text.truncate(at),
        1 => {
            let end = text.floor_char_boundary((at + dice.below(20)).min(text.len()));
            text.replace_range(at..end.max(at), "");
        }
        2 => {
            // The same key twice.
            let key = dice.pick(&KEYS).unwrap_or(&"");
            *text = text.replacen(&format!("\"{key}\":"), &format!("\"{key}\":1,\"{key}\":"), 1);
        }
        3 if dice.one_in(8) => {
            let depth = *dice.pick(&NESTING).unwrap_or(&3);
            let open = ["[", "{\"a\":"][dice.below(2)];
            text.insert_str(at, &open.repeat(depth));
        }
        4 if dice.one_in(8) => {
            let depth = *dice.pick(&NESTING).unwrap_or(&3);
            *text = format!(
                "{{\"x\":{}{},{}",
                "[".repeat(depth),
                "]".repeat(depth),
                text.strip_prefix('{').unwrap_or(text)
            );
        }
        5 => text.insert(
            at,
            char::from_u32(u32::try_from(dice.below(0x11_0000)).unwrap_or_default()).unwrap_or('\0'),
        ),
        _ => text.insert_str(at, dice.pick(&PIECES).unwrap_or(&"")),
    }
}
