//! Compares values with the schemas of the description: strictly, so that a field that is not described is found.

use std::collections::BTreeSet;

use serde_json::Value;

/// Stands for whatever the test does not show.
pub const ANYTHING: &str = "<anything>";

/// Names of fields that a schema knows.
type Known = BTreeSet<String>;

/// The schemas of a description.
pub struct Shapes<'a>(pub &'a Value);

impl Shapes<'_> {
    /// The payload of a message.
    pub fn payload(&self, key: &str) -> Option<&Value> {
        self.message(key)?.pointer("/properties/payload")
    }

    /// A message in its envelope.
    pub fn message(&self, key: &str) -> Option<&Value> {
        self.0["components"]["messages"].get(key)?.get("payload")
    }

    /// Why a value does not have this shape, or has fields beyond it.
    pub fn exactly(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let known = self.at_least(schema, value)?;
        let describes_fields = [
            "$ref",
            "properties",
            "allOf",
            "anyOf",
            "oneOf",
            "additionalProperties",
        ]
        .iter()
        .any(|key| schema.get(*key).is_some());
        let fields = value.as_object().filter(|_| describes_fields);
        for field in fields.into_iter().flat_map(|fields| fields.keys()) {
            if !known.contains(field) {
                return Err(format!("the field {field} is not described"));
            }
        }
        Ok(())
    }

    /// Why a value does not have this shape; else the names of the fields that the schema knows.
    pub fn at_least(&self, schema: &Value, value: &Value) -> Result<Known, String> {
        if *value == ANYTHING {
            return Ok(Known::new());
        }
        if let Some(path) = schema["$ref"].as_str() {
            let named = self.0.pointer(path.trim_start_matches('#'));
            return self.at_least(named.ok_or_else(|| format!("{path} leads nowhere"))?, value);
        }
        fits(schema, value)?;
        let mut known = self.fields(schema, value)?;
        for element in value.as_array().into_iter().flatten() {
            self.exactly(&schema["items"], element)
                .map_err(|why| format!("[]: {why}"))?;
        }
        for part in list(&schema["allOf"]) {
            known.extend(self.at_least(part, value)?);
        }
        for key in ["oneOf", "anyOf"] {
            if schema[key].is_array() {
                known.extend(self.alternative(schema, key, value)?);
            }
        }
        Ok(known)
    }

    fn fields(&self, schema: &Value, value: &Value) -> Result<Known, String> {
        let Some(fields) = value.as_object() else {
            return Ok(Known::new());
        };
        if let Some(name) =
            list(&schema["required"]).find(|name| !fields.contains_key(name.as_str().unwrap_or_default()))
        {
            return Err(format!("{name} is missing"));
        }
        let mut known = Known::new();
        for (name, value) in fields {
            let own = schema["properties"].get(name);
            if let Some(property) = own.or_else(|| schema.get("additionalProperties")) {
                self.exactly(property, value)
                    .map_err(|why| format!("{name}: {why}"))?;
                known.insert(name.clone());
            }
        }
        Ok(known)
    }

    fn alternative(&self, schema: &Value, key: &str, value: &Value) -> Result<Known, String> {
        let (fitting, others): (Vec<_>, Vec<_>) = list(&schema[key])
            .map(|choice| self.at_least(choice, value))
            .partition(Result::is_ok);
        if fitting.is_empty() || key == "oneOf" && fitting.len() > 1 {
            return Err(format!("{} alternatives fit {value}: {others:?}", fitting.len()));
        }
        Ok(fitting.into_iter().flatten().flatten().collect())
    }
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.contains(&kind.into()),
        only => only == kind,
    };
    let is_listed = schema["enum"]
        .as_array()
        .is_none_or(|values| values.contains(value));
    let is_const = schema.get("const").is_none_or(|only| only == value);
    if allowed && is_listed && is_const {
        Ok(())
    } else {
        Err(format!("{value} is not {schema}"))
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(value: &Value) -> bool {
        let document = json!({"schemas": {"Id": {"type": "string"}}});
        let schema = json!({
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"$ref": "#/schemas/Id"}, "n": {"type": ["integer", "null"]}},
            "oneOf": [
                {"required": ["kind"], "properties": {"kind": {"const": "a"}}},
                {"required": ["kind"], "properties": {"kind": {"const": "b"}, "more": {"type": "boolean"}}},
            ],
        });
        Shapes(&document).exactly(&schema, value).is_ok()
    }

    #[test]
    fn what_differs_is_found() {
        assert!(verdict(&json!({"id": "x", "kind": "a"})));
        assert!(verdict(&json!({"id": "x", "kind": "b", "more": true, "n": null})));
        assert!(verdict(&json!({"id": ANYTHING, "kind": "a"})));
        for wrong in [
            json!({"kind": "a"}),
            json!({"id": 1, "kind": "a"}),
            json!({"id": "x", "kind": "c"}),
            json!({"id": "x", "kind": "a", "more": true}),
            json!({"id": "x", "kind": "a", "other": 1}),
            json!({"id": "x", "kind": "a", "n": "1"}),
        ] {
            assert!(!verdict(&wrong), "{wrong}");
        }
    }
}
