//! Types on the page: tables of fields, and what a field holds.

use std::fmt::Write as _;

use serde_json::Value;

use super::html::{escape, prose, text};

/// All types that messages name.
pub(super) fn section(schemas: &Value) -> String {
    let mut html = "<section id=\"types\">\n<h2>Types</h2>\n".to_owned();
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let name = escape(name);
        let _ = writeln!(
            html,
            "<article id=\"type.{name}\">\n<h4><a href=\"#type.{name}\">{name}</a></h4>\n{}",
            prose(&schema["description"])
        );
        let fields = table(schema, &[]);
        if fields.is_empty() {
            let _ = writeln!(html, "<p>{}</p>", holds(schema));
        }
        let _ = writeln!(html, "{fields}</article>");
    }
    html.push_str("</section>\n");
    html
}

/// The fields of an object but these, then those of its alternatives; nothing when it has none.
pub(super) fn table(schema: &Value, but: &[&str]) -> String {
    let mut rows = own_rows(schema, but);
    let alternatives: Vec<_> = ["oneOf", "anyOf"]
        .iter()
        .flat_map(|key| list(&schema[*key]))
        .map(|alternative| own_rows(alternative, but))
        .filter(|rows| !rows.is_empty())
        .collect();
    for (index, alternative) in alternatives.iter().enumerate() {
        if alternatives.len() > 1 {
            let word = if index == 0 { "either" } else { "or" };
            let _ = writeln!(
                rows,
                "<tr class=\"or\"><th colspan=\"3\" scope=\"rowgroup\">{word}</th></tr>"
            );
        }
        rows.push_str(alternative);
    }
    for part in list(&schema["allOf"]) {
        let _ = writeln!(
            rows,
            "<tr><td colspan=\"3\">and the fields of {}</td></tr>",
            holds(part)
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<table>\n<thead><tr><th>field</th><th>holds</th><th>about</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

fn own_rows(schema: &Value, but: &[&str]) -> String {
    let mut rows = String::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if but.contains(&name.as_str()) {
            continue;
        }
        let required = list(&schema["required"]).any(|required| required == name.as_str());
        let optional = if required { "" } else { " <em>optional</em>" };
        let _ = writeln!(
            rows,
            "<tr><td><code>{}</code>{optional}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            holds(property),
            text(&property["description"])
        );
    }
    rows
}

/// What a value is, in words.
fn holds(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#type.{name}\">{name}</a>");
    }
    if let Some(value) = schema.get("const") {
        return code(value);
    }
    for (key, between) in [
        ("enum", code as fn(&Value) -> String),
        ("anyOf", holds),
        ("oneOf", holds),
        ("allOf", holds),
    ] {
        if schema[key].is_array() {
            let choices: Vec<_> = list(&schema[key]).map(between).collect();
            return choices.join(" or ");
        }
    }
    match &schema["type"] {
        Value::Array(kinds) => {
            let kinds: Vec<_> = kinds.iter().map(|kind| plain(kind, schema)).collect();
            kinds.join(" or ")
        }
        kind => plain(kind, schema),
    }
}

fn plain(kind: &Value, schema: &Value) -> String {
    let limit = |key: &str, of: &str| {
        let limit = schema[key].as_u64();
        limit.map_or_else(String::new, |limit| format!(", at most {limit} {of}"))
    };
    match kind.as_str() {
        Some("string") => match schema["format"].as_str() {
            Some("uuid") => "UUID".to_owned(),
            Some("date-time") => "time".to_owned(),
            _ => format!("text{}", limit("maxLength", "characters")),
        },
        Some("integer") => "whole number".to_owned(),
        Some("boolean") => "<code>true</code> or <code>false</code>".to_owned(),
        Some("array") => format!(
            "list of {}{}",
            holds(&schema["items"]),
            limit("maxItems", "of them")
        ),
        Some("null") => "<code>null</code>".to_owned(),
        _ if schema["additionalProperties"].is_object() => {
            format!("object, of each name {}", holds(&schema["additionalProperties"]))
        }
        _ if schema["properties"].is_object() => "object".to_owned(),
        _ => "anything".to_owned(),
    }
}

fn code(value: &Value) -> String {
    format!("<code>{}</code>", escape(&value.to_string()))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
