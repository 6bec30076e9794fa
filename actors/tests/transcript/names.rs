//! Short names for ids, times and long texts, so that transcripts are read, not compared.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use colloquy_actors::ids::{ParticipantId, Timestamp};
use uuid::Uuid;

use crate::trial::{BEGIN, ROOM, facts, id_of};

/// A run of the same character as long as this is shown by its length.
const RUN_MIN: usize = 32;
/// An array longer than this shows its first and its last item.
const ITEMS_MAX: usize = 8;
/// What is the same in most answers, told once in `control_join_success.txt`.
const ABBREVIATIONS: [(&str, &str); 4] = [
    (
        r#"{"id":"<tariff>","name":"Basic","quotas":{},"modules":{"breakout":{"features":[]},"chat":{"features":[]},"livekit":{"features":[]},"moderation":{"features":[]},"timer":{"features":[]}},"enabled_modules":["breakout","chat","livekit","moderation","timer"],"disabled_features":[]}"#,
        "<tariff with livekit>",
    ),
    (
        r#"{"id":"<tariff>","name":"Basic","quotas":{},"modules":{"breakout":{"features":[]},"chat":{"features":[]},"moderation":{"features":[]},"polls":{"features":[]},"timer":{"features":[]}},"enabled_modules":["breakout","chat","moderation","polls","timer"],"disabled_features":[]}"#,
        "<tariff>",
    ),
    (
        r#"{"id":"<room>","created_by":{"title":"","firstname":"Alice","lastname":"Adams","display_name":"Alice Adams","avatar_url":"https://avatars.example/alice"}}"#,
        "<room_info>",
    ),
    (
        r#"{"enabled":true,"room_history":{"messages":[],"next_index":null},"groups_history":[],"private_history":[],"last_seen_timestamp_global":null,"last_seen_timestamps_private":{},"last_seen_timestamps_group":{}}"#,
        "<empty chat>",
    ),
];

#[derive(Debug)]
pub struct Names {
    of_ids: HashMap<Uuid, String>,
    ids: HashMap<String, Uuid>,
    participants: usize,
    messages: usize,
    /// Whether what is always the same is left out.
    pub abbreviate: bool,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            of_ids: HashMap::new(),
            ids: HashMap::new(),
            participants: 0,
            messages: 0,
            abbreviate: true,
        };
        names.add(ROOM.0, "room");
        names.add(facts().tariff.id, "tariff");
        names.add(id_of("event"), "event");
        names.add(id_of("invite"), "invite");
        names.add(id_of("nobody"), "nobody");
        for group in ["red", "blue", "recording"] {
            names.add(id_of(group), group);
        }
        names
    }
}

impl Names {
    fn add(&mut self, id: Uuid, name: &str) -> String {
        self.of_ids.insert(id, name.to_owned());
        self.ids.insert(name.to_owned(), id);
        format!("<{name}>")
    }

    /// The id that was given a name.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        let name = name.strip_prefix('<')?.strip_suffix('>')?;
        self.ids.get(name).copied()
    }

    pub fn participant(&mut self, id: ParticipantId) -> String {
        if let Some(name) = self.of_ids.get(&id.0) {
            return format!("<{name}>");
        }
        self.participants += 1;
        self.add(id.0, &format!("p{}", self.participants))
    }

    /// An input with real ids and long texts.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').ok_or("a < without >")?;
            expanded.push_str(before);
            if let Some((run, times)) = name.split_once('*') {
                let times = times.parse().map_err(|_| "how many times?")?;
                let again = match self.ids.get(run) {
                    // Entries of a list.
                    Some(id) => vec![format!("\"{id}\""); times].join(","),
                    None => run.repeat(times),
                };
                expanded.push_str(&again);
            } else {
                let id = self
                    .ids
                    .get(name)
                    .ok_or_else(|| format!("nobody knows <{name}>"))?;
                expanded.push_str(&id.to_string());
            }
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// An output with names in place of ids and times.
    pub fn shorten(&mut self, json: &str) -> String {
        let mut short = String::new();
        let mut rest = json;
        while let Some((before, after)) = rest.split_once('"') {
            let end = end_of_text(after);
            short.push_str(before);
            short.push('"');
            short.push_str(&self.text(&after[..end]));
            short.push('"');
            rest = &after[(end + 1).min(after.len())..];
        }
        short.push_str(rest);
        if self.abbreviate {
            for (long, name) in ABBREVIATIONS {
                short = short.replace(long, name);
            }
        }
        shorten_arrays(&short)
    }

    fn text(&mut self, text: &str) -> String {
        if let Ok(id) = Uuid::parse_str(text) {
            if let Some(name) = self.of_ids.get(&id) {
                return format!("<{name}>");
            }
            self.messages += 1;
            return self.add(id, &format!("m{}", self.messages));
        }
        if let Some((room, breakout)) = text.split_once(':')
            && [room, breakout].iter().all(|id| Uuid::parse_str(id).is_ok())
        {
            return [room, breakout].map(|id| self.text(id)).join(":");
        }
        if let Some(claims) = claims(text) {
            // Its quotes need no escape.
            return format!("<token {}>", self.shorten(&claims).replace('"', "'"));
        }
        if let Some((id, popout)) = text.split_once("-popout")
            && Uuid::parse_str(id).is_ok()
        {
            return format!("{}-popout{popout}", self.text(id));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => format!("<{}>", seconds(Timestamp::from(time.to_utc()))),
            Err(_) => shorten_runs(text),
        }
    }
}

/// What a JWT says, with its times in seconds since the beginning.
fn claims(text: &str) -> Option<String> {
    let payload = text.strip_prefix("eyJ")?.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let mut claims: serde_json::Value = serde_json::from_slice(&json).ok()?;
    for name in ["nbf", "exp"] {
        let time = claims[name].as_i64()?;
        claims[name] = (time - BEGIN.as_micros() / 1_000_000).into();
    }
    Some(claims.to_string())
}

/// Seconds since the beginning.
pub fn seconds(time: Timestamp) -> String {
    let micros = time.as_micros() - BEGIN.as_micros();
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Where a JSON string ends whose opening quote was read.
fn end_of_text(json: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index,
            _ => {}
        }
    }
    json.len()
}

fn shorten_runs(text: &str) -> String {
    let mut short = String::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        let mut length = 1;
        while chars.next_if_eq(&first).is_some() {
            length += 1;
        }
        if length >= RUN_MIN {
            short.extend(["<", first.encode_utf8(&mut [0; 4]), "*", &length.to_string(), ">"]);
        } else {
            short.extend(std::iter::repeat_n(first, length));
        }
    }
    short
}

/// Shows the first and the last item of long arrays, and how many stand between them.
fn shorten_arrays(json: &str) -> String {
    let Some(open) = json.find('[') else {
        return json.to_owned();
    };
    let (items, end) = items_of(&json[open + 1..]);
    let shown: Vec<_> = match &items[..] {
        [first, between @ .., last] if items.len() > ITEMS_MAX => vec![
            shorten_arrays(first),
            format!("<{} more>", between.len()),
            shorten_arrays(last),
        ],
        _ => items.iter().map(|item| shorten_arrays(item)).collect(),
    };
    let rest = shorten_arrays(&json[open + 1 + end..]);
    format!("{}[{}{rest}", &json[..open], shown.join(","))
}

/// The items of an array whose bracket was read, and where it is closed.
fn items_of(json: &str) -> (Vec<&str>, usize) {
    let (mut items, mut depth, mut start, mut index) = (Vec::new(), 0, 0, 0);
    while index < json.len() {
        match json.as_bytes()[index] {
            b'"' => index += 1 + end_of_text(&json[index + 1..]),
            b'[' | b'{' => depth += 1,
            b']' if depth == 0 => break,
            b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                items.push(&json[start..index]);
                start = index + 1;
            }
            _ => {}
        }
        index += 1;
    }
    if start < index {
        items.push(&json[start..index]);
    }
    (items, index)
}
