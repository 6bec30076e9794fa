//! The namespaces and the types that make them up.

use std::fmt::Display;

use colloquy_actors::protocol::{
    Event,
    breakout::{BreakoutCommand, BreakoutError, BreakoutEvent},
    chat::{ChatCommand, ChatError, ChatEvent},
    control::{ControlCommand, ControlError, ControlEvent},
    livekit::{LivekitCommand, LivekitError, LivekitEvent},
    moderation::{ModerationCommand, ModerationError, ModerationEvent},
    polls::{PollsCommand, PollsError, PollsEvent},
    shapes::JoinSuccess,
    timer::{TimerCommand, TimerError, TimerEvent},
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    codes::{self, ErrorTexts},
    schemas::{Schemas, Types},
};

/// A namespace with its messages in the order of their definition, each by its name.
pub(super) struct Namespace {
    pub name: &'static str,
    pub about: &'static str,
    pub commands: Vec<(String, Value)>,
    pub events: Vec<(String, Value)>,
    pub errors: ErrorTexts,
}

/// The names of a namespace's types, and how its errors are read.
struct Entry {
    name: &'static str,
    about: &'static str,
    commands: String,
    events: String,
    errors: String,
    texts: fn(&[(String, Value)]) -> ErrorTexts,
}

/// All namespaces, and the types that their messages name.
pub(super) fn all() -> (Vec<Namespace>, Schemas) {
    let mut types = Types::new();
    let entries = entries(&mut types);
    let join_success = types.add_written::<JoinSuccess<'static>>();
    let mut schemas = types.finish();
    let mut namespaces: Vec<_> = entries
        .into_iter()
        .map(|entry| Namespace {
            name: entry.name,
            about: entry.about,
            commands: schemas.take_read(&entry.commands, "action"),
            events: schemas.take_written(&entry.events, "message"),
            errors: (entry.texts)(&schemas.variants(&entry.errors, "error")),
        })
        .collect();
    let joined = message("join_success", schemas.take_whole(&join_success));
    if let Some(control) = namespaces
        .iter_mut()
        .find(|namespace| namespace.name == "control")
    {
        control.events.insert(0, ("join_success".to_owned(), joined));
    }
    namespaces.insert(0, echo());
    (namespaces, schemas)
}

fn entries(types: &mut Types) -> Vec<Entry> {
    vec![
        entry::<ControlCommand, ControlEvent<'_>, ControlError>(
            types,
            "Joining, leaving, roles, raised hands.",
        ),
        entry::<ModerationCommand, ModerationEvent<'_>, ModerationError>(
            types,
            "The waiting room, removing participants, names and raised hands. All commands are for moderators.",
        ),
        entry::<BreakoutCommand, BreakoutEvent<'_>, BreakoutError>(
            types,
            "Rooms beside the main room, for a time.",
        ),
        entry::<ChatCommand, ChatEvent<'_>, ChatError>(
            types,
            "Messages, their history in chunks, and what each participant has seen of it.",
        ),
        entry::<TimerCommand, TimerEvent<'_>, TimerError>(
            types,
            "A stopwatch or countdown for everybody in a room.",
        ),
        entry::<PollsCommand, PollsEvent<'_>, PollsError>(
            types,
            "Questions with choices, and how many chose what.",
        ),
        entry::<LivekitCommand, LivekitEvent<'_>, LivekitError>(
            types,
            "Credentials for the media server, and who may publish what.",
        ),
    ]
}

fn entry<C, E, X>(types: &mut Types, about: &'static str) -> Entry
where
    C: JsonSchema,
    E: JsonSchema + Event,
    X: JsonSchema + DeserializeOwned + Display,
{
    Entry {
        name: E::NAMESPACE,
        about,
        commands: types.add_read::<C>(),
        events: types.add_written::<E>(),
        errors: types.add_written::<X>(),
        texts: codes::errors::<X>,
    }
}

/// Answered by the session itself: no type knows what clients send.
fn echo() -> Namespace {
    let anything = |about: &str| {
        (
            "ping".to_owned(),
            json!({"description": about, "examples": [{"action": "ping"}]}),
        )
    };
    Namespace {
        name: "echo",
        about: "The clients' heartbeat. The payload, whatever it is, comes back unchanged: at any time, also before \
                joining and in the waiting room.",
        commands: vec![anything("Whatever the client likes.")],
        events: vec![anything("What the client sent.")],
        errors: Vec::new(),
    }
}

/// An object as the payload of an event of this name.
fn message(name: &str, mut schema: Value) -> Value {
    schema["properties"]["message"] = json!({"type": "string", "const": name});
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.insert(0, "message".into());
    }
    schema
}
