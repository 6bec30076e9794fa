//! The namespaces and the types that make them up.

use std::fmt::Display;

use colloquy_actors::protocol::{self, Describe, Event, shapes::JoinSuccess};
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
    let mut entries = Entries {
        types: &mut types,
        list: Vec::new(),
    };
    protocol::describe(&mut entries);
    let entries = entries.list;
    let join_success = types.add_written::<JoinSuccess<'static>>();
    let mut schemas = types.finish();
    let mut namespaces: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            // A recorder reports, and is given orders.
            let (command, event) = if entry.name == protocol::Namespace::RecordingService.name() {
                ("message", "action")
            } else {
                ("action", "message")
            };
            Namespace {
                name: entry.name,
                about: entry.about,
                commands: schemas.take_read(&entry.commands, command),
                events: schemas.take_written(&entry.events, event),
                errors: (entry.texts)(&schemas.variants(&entry.errors, "error")),
            }
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

/// Takes the table of namespaces.
struct Entries<'t> {
    types: &'t mut Types,
    list: Vec<Entry>,
}

impl Describe for Entries<'_> {
    fn namespace<C, E, X>(&mut self, namespace: protocol::Namespace, about: &'static str)
    where
        C: JsonSchema,
        E: JsonSchema + Event,
        X: JsonSchema + DeserializeOwned + Display,
    {
        self.list.push(Entry {
            name: namespace.name(),
            about,
            commands: self.types.add_read::<C>(),
            events: self.types.add_written::<E>(),
            errors: self.types.add_written::<X>(),
            texts: codes::errors::<X>,
        });
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
