//! Messages: a payload in its envelope, with an example.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{codes, namespaces::Namespace, sample};

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

impl Sender {
    /// What such a message is called.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Client => "command",
            Self::Server => "event",
        }
    }
}

/// The key of a message in the document, which is also its anchor on the page.
pub(super) fn key(sender: Sender, namespace: &str, name: &str) -> String {
    format!("{}.{namespace}.{name}", sender.noun())
}

/// Every message of a namespace that this side sends, by its key, in the order of their definition.
pub(super) fn of(
    namespace: &Namespace,
    sender: Sender,
    shared: &BTreeMap<String, Value>,
) -> Vec<(String, Value)> {
    let payloads = match sender {
        Sender::Client => &namespace.commands,
        Sender::Server => &namespace.events,
    };
    let message = |(name, payload): &(String, Value)| {
        let described = message(namespace, sender, name, payload.clone(), shared);
        (key(sender, namespace.name, name), described)
    };
    payloads.iter().map(message).collect()
}

fn message(
    namespace: &Namespace,
    sender: Sender,
    name: &str,
    mut payload: Value,
    shared: &BTreeMap<String, Value>,
) -> Value {
    let summary = payload
        .as_object_mut()
        .and_then(|payload| payload.remove("description"));
    let mut example = json!({"namespace": namespace.name, "payload": sample::of(&payload, shared)});
    let numbered = sender == Sender::Server && namespace.name != "echo";
    if sender == Sender::Server {
        example["timestamp"] = sample::TIME.into();
    }
    if numbered {
        example["seq"] = 4.into();
    }
    let mut message = json!({
        "name": format!("{}/{name}", namespace.name),
        "title": name,
        "summary": summary.unwrap_or_default(),
        "tags": [{"name": namespace.name}],
        "payload": envelope(namespace.name, sender, numbered, payload),
        "examples": [{"payload": example}],
    });
    if sender == Sender::Server && name == "error" {
        message["description"] = codes::errors_table(&namespace.errors).into();
    }
    message
}

fn envelope(namespace: &str, sender: Sender, numbered: bool, payload: Value) -> Value {
    let mut properties = Map::new();
    let mut required = vec!["namespace", "payload"];
    properties.insert(
        "namespace".to_owned(),
        json!({"type": "string", "const": namespace}),
    );
    if sender == Sender::Server {
        properties.insert(
            "timestamp".to_owned(),
            json!({"$ref": "#/components/schemas/Timestamp"}),
        );
        required.insert(1, "timestamp");
    }
    if numbered {
        properties.insert("seq".to_owned(), json!({"$ref": "#/components/schemas/Seq"}));
    }
    properties.insert("payload".to_owned(), payload);
    json!({"type": "object", "properties": properties, "required": required})
}
