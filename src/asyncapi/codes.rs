//! Close codes and error codes, with what they mean.

use std::fmt::Display;

use colloquy_actors::protocol::codes::CloseCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::schemas::Types;

/// The error codes of a namespace, as a client sees them and what each means.
pub(super) type ErrorTexts = Vec<(String, String)>;

/// The meaning of each error, from its variants: made as the wire would bring them, with the example of every field.
pub(super) fn errors<E: DeserializeOwned + Display>(variants: &[(String, Value)]) -> ErrorTexts {
    let texts = variants.iter().filter_map(|(name, schema)| {
        let properties = schema["properties"].as_object()?;
        let field = |(key, property): (&String, &Value)| {
            let value = property.get("const").or_else(|| property["examples"].get(0))?;
            Some((key.clone(), value.clone()))
        };
        let error: E =
            serde_json::from_value(properties.iter().filter_map(field).collect::<Map<_, _>>().into()).ok()?;
        Some((name.clone(), sentence(&error.to_string())))
    });
    texts.collect()
}

/// Every close code of the server: number, what it means, and whether a client comes back by itself.
pub(super) fn close_codes() -> Vec<Value> {
    let mut types = Types::new();
    let name = types.add_written::<CloseCode>();
    let schema: Value = types.finish().take_whole(&name);
    let rows = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|variant| {
            let name = &variant["const"];
            let code: CloseCode = serde_json::from_value(name.clone()).ok()?;
            let number = code.number().to_string();
            let text = variant["description"].as_str()?;
            let text = text.strip_prefix(&format!("{number}: ")).unwrap_or(text);
            // What follows is the last column.
            let text = text.split(" Clients ").next().unwrap_or(text);
            Some(json!({
                "code": code.number(),
                "name": name,
                "description": sentence(text),
                "clientReconnects": code.client_reconnects(),
            }))
        });
    rows.collect()
}

/// The text with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Names and meanings as the document shows them.
pub(super) fn rows(errors: &ErrorTexts) -> Vec<Value> {
    let row = |(name, text): &(String, String)| json!({"error": name, "description": text});
    errors.iter().map(row).collect()
}

/// Markdown of the close codes, for readers of the document alone.
pub(super) fn close_codes_table(codes: &[Value]) -> String {
    let row = |code: &Value| {
        let back = if code["clientReconnects"] == true {
            "yes"
        } else {
            "no"
        };
        let text = code["description"].as_str().unwrap_or_default();
        format!("\n| {} | {text} | {back} |", code["code"])
    };
    let rows: String = codes.iter().map(row).collect();
    format!("| close code | when | does the client reconnect? |\n|---|---|---|{rows}")
}

/// Markdown of a namespace's errors.
pub(super) fn errors_table(errors: &ErrorTexts) -> String {
    let row = |(name, text): &(String, String)| format!("\n| `{name}` | {text} |");
    let rows: String = errors.iter().map(row).collect();
    format!("| error | when |\n|---|---|{rows}")
}
