//! Operations as flat maps of fields, as `tests/spec/expected.json` has them, made from a description of the API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The type of each field by its path, such as `created_by.id` or `[].password?`; the question mark is for what may be
/// absent from its parent. What has fields is an `object`, what is listed an `array`; a nullable string is a `string`.
pub type Fields = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub auth: Vec<String>,
    /// With their place in front: `query page?`.
    pub parameters: Fields,
    pub body: Option<Body>,
    /// By status.
    pub responses: BTreeMap<String, Fields>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    pub content_type: String,
    pub fields: Fields,
}

/// What one path of a schema is: its type, and whether it is required of its parent.
type Flat = BTreeMap<String, (String, bool)>;

/// By method and path.
pub fn operations(document: &Value) -> BTreeMap<String, Operation> {
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let name = format!("{} {path}", method.to_uppercase());
            found.insert(name, read(document, operation));
        }
    }
    found
}

fn read(document: &Value, operation: &Value) -> Operation {
    let schemes = operation["security"].as_array().into_iter().flatten();
    let schemes = schemes.flat_map(|scheme| scheme.as_object().into_iter().flatten());
    let mut auth: Vec<_> = schemes.map(|(name, _)| name.clone()).collect();
    auth.sort();
    let mut parameters = Flat::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let place = parameter["in"].as_str().expect("a place");
        let name = parameter["name"].as_str().expect("a name");
        let schema = flat(document, &parameter["schema"], 0);
        let required = parameter["required"] == true;
        parameters.insert(format!("{place} {name}"), (schema[""].0.clone(), required));
    }
    let content = &operation["requestBody"]["content"];
    let body = content.as_object().and_then(|content| content.iter().next());
    let body = body.map(|(content_type, media)| Body {
        content_type: content_type.clone(),
        fields: if content_type == "application/json" {
            written(flat(document, &media["schema"], 0))
        } else {
            Fields::new()
        },
    });
    let responses = operation["responses"].as_object().expect("responses");
    let responses = responses.iter().map(|(status, response)| {
        let schema = &response["content"]["application/json"]["schema"];
        (status.clone(), written(flat(document, schema, 0)))
    });
    Operation {
        auth,
        parameters: written(parameters),
        body,
        responses: responses.collect(),
    }
}

/// Without the root.
fn written(flat: Flat) -> Fields {
    flat.into_iter()
        .filter(|(path, _)| !path.is_empty())
        .map(|(path, (kind, required))| {
            let name = if required { path } else { path + "?" };
            (name, kind)
        })
        .collect()
}

/// Deeper than any schema; one that contains itself is cut off here.
const DEPTH_MAX: usize = 24;

fn flat(document: &Value, schema: &Value, depth: usize) -> Flat {
    let root = |kind: &str| Flat::from([(String::new(), (kind.to_owned(), true))]);
    let inner = |schema: &Value| flat(document, schema, depth + 1);
    if depth > DEPTH_MAX || schema.is_null() {
        return root("any");
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return inner(&document["components"]["schemas"][name]);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(alternatives) = schema[choice].as_array() {
            let mut alternatives: Vec<_> = alternatives
                .iter()
                .filter(|one| one["type"] != "null")
                .map(inner)
                .collect();
            // Fields beside the choice belong to each.
            if schema["properties"].is_object() {
                let beside = object(schema, &inner);
                alternatives = alternatives.into_iter().map(|one| both(one, &beside)).collect();
            }
            return either(&alternatives);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(inner);
        return parts.fold(Flat::new(), |all, part| both(all, &part));
    }
    match kind(schema) {
        "array" => {
            let mut found = root("array");
            found.extend(below("[]", inner(&schema["items"]), true));
            found
        }
        "object" => object(schema, &inner),
        other => root(other),
    }
}

/// The type; null beside another one says nothing here.
fn kind(schema: &Value) -> &str {
    let named = match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        one => one.as_str(),
    };
    match named {
        Some(kind) => kind,
        None if schema["properties"].is_object() => "object",
        None if schema["const"].is_string() || schema["enum"].is_array() => "string",
        None => "any",
    }
}

fn object(schema: &Value, inner: &impl Fn(&Value) -> Flat) -> Flat {
    let mut found = Flat::from([(String::new(), ("object".to_owned(), true))]);
    let none = Map::new();
    let required = |name: &str| {
        let list = schema["required"].as_array();
        list.is_some_and(|list| list.iter().any(|one| one == name))
    };
    for (name, property) in schema["properties"].as_object().unwrap_or(&none) {
        found.extend(below(name, inner(property), required(name)));
    }
    if schema["additionalProperties"].is_object() {
        found.extend(below("*", inner(&schema["additionalProperties"]), false));
    }
    found
}

fn below(name: &str, fields: Flat, required: bool) -> Flat {
    let moved = fields.into_iter().map(|(path, (kind, inner))| {
        if path.is_empty() {
            (name.to_owned(), (kind, required))
        } else if path.starts_with("[]") {
            (format!("{name}{path}"), (kind, inner))
        } else {
            (format!("{name}.{path}"), (kind, inner))
        }
    });
    moved.collect()
}

/// Both at once.
fn both(mut one: Flat, other: &Flat) -> Flat {
    for (path, (kind, required)) in other {
        let entry = one
            .entry(path.clone())
            .or_insert_with(|| (kind.clone(), *required));
        entry.1 |= required;
    }
    one
}

/// One of them: required is what each requires that has the parent at all.
fn either(alternatives: &[Flat]) -> Flat {
    let mut merged = Flat::new();
    for (path, (kind, _)) in alternatives.iter().flatten() {
        let mut with_parent = alternatives
            .iter()
            .filter(|one| path.is_empty() || one.contains_key(parent(path)));
        let required = with_parent.all(|one| one.get(path).is_some_and(|(_, required)| *required));
        merged.insert(path.clone(), (kind.clone(), required));
    }
    merged
}

fn parent(path: &str) -> &str {
    match path.strip_suffix("[]") {
        Some(list) => list,
        None => path.rsplit_once('.').map_or("", |(parent, _)| parent),
    }
}
