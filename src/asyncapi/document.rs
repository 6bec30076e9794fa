//! The document as a whole.

use std::collections::BTreeMap;

use colloquy_actors::protocol::{SUBPROTOCOL, TICKET_PREFIX};
use serde_json::{Map, Value, json};

use super::{
    codes,
    messages::{self, Sender},
    namespaces::{self, Namespace},
};

const DESCRIPTION: &str = "What clients and the server say to each other during a meeting, over a WebSocket. \
     It opens with a ticket from `POST /v1/rooms/{room_id}/start` or `…/start_invited`. \
     Before `join_success` only `control/join`, `control/enter_room` and `echo` do anything: other commands of \
     `control` are answered `not_yet_joined`, other namespaces are dropped without an answer. A namespace that the \
     tariff of the room's owner lacks answers `invalid_namespace`. Unknown fields of commands are ignored.";

const CHANNEL: &str = "Also at `/v1/signaling`. Messages are JSON in text frames (from clients also in binary ones). \
     All receivers see the events of a room in the same order. Why the server closes, and whether a client should \
     come back, stands in the table of close codes. \
     Refusals come before the upgrade, as JSON errors of the REST API: `forbidden`, `missing_protocol`, `invalid_protocol`, \
     `missing_ticket`, `invalid_ticket`, `too_many_requests`, `service_unavailable`.";

const PROTOCOLS: &str = "The subprotocol and the ticket, in any order, in one header or in two. The server selects the \
     subprotocol. A ticket is good for 30 seconds and once.";

const SEQ: &str = "The number of the event in its room, the same for all its receivers. It rises, with gaps where \
     events were not for this client. Absent in answers that the room itself does not give.";

/// The AsyncAPI document, made from the types of the protocol.
#[must_use]
pub fn document() -> Value {
    let (namespaces, schemas) = namespaces::all();
    let mut shared = schemas.shared();
    shared.insert(
        "Seq".to_owned(),
        json!({"type": "integer", "minimum": 1, "description": SEQ}),
    );
    let close_codes = codes::close_codes();
    let mut parts = Parts::default();
    for namespace in &namespaces {
        parts.add(namespace, &shared);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": info(&namespaces),
        "defaultContentType": "application/json",
        "servers": {"here": {
            "host": "{host}",
            "protocol": "wss",
            "description": "The host that serves this document; `ws` without TLS.",
            "variables": {"host": {"default": "localhost:11311"}},
        }},
        "channels": {"signaling": channel(&parts.references, &close_codes)},
        "operations": parts.operations,
        "components": {"messages": parts.messages, "schemas": shared},
        "x-close-codes": close_codes,
        "x-error-codes": parts.errors,
    })
}

/// What all namespaces give to the document.
#[derive(Default)]
struct Parts {
    messages: Map<String, Value>,
    /// The channel's messages.
    references: Map<String, Value>,
    operations: Map<String, Value>,
    errors: Map<String, Value>,
}

impl Parts {
    fn add(&mut self, namespace: &Namespace, shared: &BTreeMap<String, Value>) {
        for sender in [Sender::Client, Sender::Server] {
            let mut keys = Vec::new();
            for (key, message) in messages::of(namespace, sender, shared) {
                keys.push(json!({"$ref": format!("#/channels/signaling/messages/{key}")}));
                let reference = json!({"$ref": format!("#/components/messages/{key}")});
                self.references.insert(key.clone(), reference);
                self.messages.insert(key, message);
            }
            let (name, operation) = operation(namespace, sender, &keys);
            self.operations.insert(name, operation);
        }
        if !namespace.errors.is_empty() {
            self.errors
                .insert(namespace.name.to_owned(), codes::rows(&namespace.errors).into());
        }
    }
}

fn operation(namespace: &Namespace, sender: Sender, messages: &[Value]) -> (String, Value) {
    // AsyncAPI tells what the described application does: the server.
    let (action, what) = match sender {
        Sender::Client => ("receive", "commands"),
        Sender::Server => ("send", "events"),
    };
    let operation = json!({
        "action": action,
        "title": format!("{} {what}", namespace.name),
        "channel": {"$ref": "#/channels/signaling"},
        "summary": namespace.about,
        "tags": [{"name": namespace.name}],
        "messages": messages,
    });
    (format!("{}.{what}", namespace.name), operation)
}

fn info(namespaces: &[Namespace]) -> Value {
    let tag = |namespace: &Namespace| json!({"name": namespace.name, "description": namespace.about});
    json!({
        "title": "Colloquy signaling",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0"},
        "tags": namespaces.iter().map(tag).collect::<Vec<_>>(),
    })
}

fn channel(messages: &Map<String, Value>, close_codes: &[Value]) -> Value {
    let offered = format!("{SUBPROTOCOL}, {TICKET_PREFIX}<ticket>");
    json!({
        "address": "/signaling",
        "title": "The WebSocket of a meeting",
        "description": format!("{CHANNEL}\n\n{}", codes::close_codes_table(close_codes)),
        "servers": [{"$ref": "#/servers/here"}],
        "messages": messages,
        "bindings": {"ws": {
            "method": "GET",
            "headers": {
                "type": "object",
                "required": ["Sec-WebSocket-Protocol"],
                "properties": {"Sec-WebSocket-Protocol": {
                    "type": "string",
                    "description": PROTOCOLS,
                    "examples": [offered],
                }},
            },
            "bindingVersion": "0.1.0",
        }},
    })
}
