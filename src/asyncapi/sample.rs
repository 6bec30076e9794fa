//! Examples, made from schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The time of every example.
pub(super) const TIME: &str = "2026-11-23T10:00:00.000001Z";

/// The id of everything in examples.
const ID: &str = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";

/// Values of fields that would say nothing, or something strange, as any text or the first of a list.
const TEXTS: &[(&str, &str)] = &[
    ("avatar_url", "https://example.org/avatars/gwen"),
    ("content", "Hello!"),
    ("disabled_features", "recording"),
    ("display_name", "Gwen"),
    ("enabled_modules", "chat"),
    ("firstname", "Gwen"),
    ("lastname", "Garner"),
    ("name", "Lobby"),
    ("new_name", "Gwen"),
    ("old_name", "Guest"),
    ("participation_kind", "guest"),
    ("public_url", "wss://livekit.example.org"),
    ("room", ID),
    ("tel", "+49 30 123456"),
    ("term", "hello"),
    ("title", "Dr."),
    ("token", "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"),
    ("topic", "When do we meet?"),
    ("url", "https://example.org/stream"),
];

/// Fields that clients usually send although they are optional.
const USUAL: &[&str] = &["display_name"];

/// Types inside types are shown this deep; nothing in the protocol goes deeper.
const DEPTH_MAX: usize = 32;

/// A value of this schema, with all fields but those that are usually left out.
pub(super) fn of(schema: &Value, shared: &BTreeMap<String, Value>) -> Value {
    value("", schema, shared, 0)
}

fn value(field: &str, schema: &Value, shared: &BTreeMap<String, Value>, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(fixed) = schema.get("const").or_else(|| schema["examples"].get(0)) {
        return fixed.clone();
    }
    if let Some(values) = schema["enum"].as_array() {
        let usual = values.iter().find(|value| value.as_str() == typical(field));
        return usual.or(values.first()).cloned().unwrap_or_default();
    }
    let is_usual = USUAL.contains(&field);
    if may_be_null(schema) && !is_usual {
        return Value::Null;
    }
    if let Some(named) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return shared
            .get(named)
            .map_or(Value::Null, |schema| value(field, schema, shared, depth + 1));
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("string") => text(field, schema).into(),
        Some("integer" | "number") => number(schema).into(),
        Some("boolean") => true.into(),
        Some("array") => json!([value(field, &schema["items"], shared, depth + 1)]),
        _ => object(field, schema, shared, depth),
    }
}

/// An object's own fields, those of all its parts, and those of its first alternative.
fn object(field: &str, schema: &Value, shared: &BTreeMap<String, Value>, depth: usize) -> Value {
    let mut fields = Map::new();
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let alternatives = ["oneOf", "anyOf"].map(|key| schema[key].get(0));
    for part in parts.chain(alternatives.into_iter().flatten()) {
        match value(field, part, shared, depth + 1) {
            Value::Object(more) => fields.extend(more),
            other => return other,
        }
    }
    let required = schema["required"].as_array();
    let is_required = |name: &String| required.is_some_and(|names| names.contains(&name.as_str().into()));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if is_required(name) || USUAL.contains(&name.as_str()) {
            fields.insert(name.clone(), value(name, property, shared, depth + 1));
        }
    }
    fields.into()
}

fn may_be_null(schema: &Value) -> bool {
    let null = json!("null");
    let among = |key: &str, choice: Value| schema[key].as_array().is_some_and(|list| list.contains(&choice));
    among("type", null.clone()) || among("anyOf", json!({"type": null}))
}

fn text<'a>(field: &str, schema: &Value) -> &'a str {
    match schema["format"].as_str() {
        Some("uuid") => ID,
        Some("date-time") => TIME,
        _ => typical(field).unwrap_or("text"),
    }
}

fn typical<'a>(field: &str) -> Option<&'a str> {
    let typical = TEXTS.iter().find(|(name, _)| *name == field);
    typical.map(|(_, text)| *text)
}

fn number(schema: &Value) -> u64 {
    schema["minimum"].as_u64().unwrap_or(0).max(1)
}
