//! Everything that is wrong with a body, found by the schema that describes it to clients: one walk over what has come, whose
//! size was limited before. Parsers stop at the first mistake, and say what it is in words for people only.
//!
//! What a schema says of lengths and patterns is left to the handlers, which look at it once the types are right, and have
//! codes of their own for it.

use std::{borrow::Cow, collections::HashMap};

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        KnownFormat, RefOr, Schema, SchemaFormat,
        schema::{ArrayItems, Object, SchemaType, Type},
    },
};
use uuid::Uuid;

use super::super::error::FieldError;

/// More wrong fields are not told.
pub(super) const FINDINGS_MAX: usize = 20;

/// How far schemas may be nested; those of bodies are by four.
const DEPTH_MAX: usize = 32;

/// What is wrong with a body that is to become a `T`.
pub(super) fn findings<T: ToSchema>(body: &Value) -> Vec<FieldError> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let mut walk = Walk {
        named: named.into_iter().collect(),
        found: Vec::new(),
    };
    walk.value(&T::schema(), body, "", 0);
    walk.found
}

struct Walk {
    /// Schemas that others refer to.
    named: HashMap<String, RefOr<Schema>>,
    found: Vec<FieldError>,
}

impl Walk {
    fn value(&mut self, schema: &RefOr<Schema>, value: &Value, path: &str, depth: usize) {
        if self.found.len() >= FINDINGS_MAX || depth > DEPTH_MAX {
            return;
        }
        match schema {
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                // Taken out for as long as it is followed: a schema of ours holds no schema of the same name.
                if let Some(target) = self.named.remove(name) {
                    self.value(&target, value, path, depth + 1);
                    self.named.insert(name.to_owned(), target);
                }
            }
            RefOr::T(Schema::Object(object)) => self.object(object, value, path, depth),
            RefOr::T(Schema::Array(array)) => {
                let Value::Array(elements) = value else {
                    return self.expect(&array.schema_type, value, path);
                };
                if let ArrayItems::RefOrSchema(items) = &array.items {
                    for (index, element) in elements.iter().enumerate() {
                        self.value(items, element, &format!("{path}[{index}]"), depth + 1);
                    }
                }
            }
            RefOr::T(Schema::OneOf(one)) => self.alternatives(&one.items, value, path, depth),
            RefOr::T(Schema::AnyOf(any)) => self.alternatives(&any.items, value, path, depth),
            RefOr::T(Schema::AllOf(all)) => {
                for part in &all.items {
                    self.value(part, value, path, depth + 1);
                }
            }
            // What later versions of OpenAPI may know.
            RefOr::T(_) => {}
        }
    }

    /// What may be null, or something else. Where there are more ways, nothing is known about the value.
    fn alternatives(&mut self, ways: &[RefOr<Schema>], value: &Value, path: &str, depth: usize) {
        let mut others = ways.iter().filter(|way| !is_null(way));
        let may_be_null = ways.iter().any(is_null);
        if let (Some(only), None) = (others.next(), others.next())
            && !(may_be_null && value.is_null())
        {
            self.value(only, value, path, depth + 1);
        }
    }

    fn object(&mut self, schema: &Object, value: &Value, path: &str, depth: usize) {
        if !fits(&schema.schema_type, value) {
            return self.expect(&schema.schema_type, value, path);
        }
        let Value::Object(fields) = value else {
            return self.scalar(schema, value, path);
        };
        let below = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        for (name, property) in &schema.properties {
            match fields.get(name) {
                Some(field) => self.value(property, field, &below(name), depth + 1),
                None if schema.required.contains(name) => {
                    self.refuse(&below(name), "value_required", "is required".to_owned());
                }
                None => {}
            }
        }
    }

    /// A value of the right type that may still be none of those meant.
    fn scalar(&mut self, schema: &Object, value: &Value, path: &str) {
        if value.is_null() {
            return;
        }
        if let Some(known) = &schema.enum_values {
            if !known.contains(value) {
                let known: Vec<_> = known.iter().map(ToString::to_string).collect();
                self.refuse(
                    path,
                    "invalid_value",
                    format!("must be one of {}", known.join(", ")),
                );
            }
            return;
        }
        let text = value.as_str().unwrap_or_default();
        match schema.format {
            Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)) if Uuid::parse_str(text).is_err() => {
                self.refuse(path, "invalid_value", "must be a UUID".to_owned());
            }
            Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) if !is_time(text) => {
                let message = "must be a time as RFC 3339 writes it";
                self.refuse(path, "invalid_value", message.to_owned());
            }
            _ => {}
        }
    }

    fn expect(&mut self, expected: &SchemaType, value: &Value, path: &str) {
        if fits(expected, value) {
            return;
        }
        let types = match expected {
            SchemaType::Type(one) => std::slice::from_ref(one),
            SchemaType::Array(several) => several,
            SchemaType::AnyValue => return,
        };
        let names: Vec<_> = types.iter().map(name).collect();
        self.refuse(path, "invalid_value", format!("must be {}", names.join(" or ")));
    }

    fn refuse(&mut self, path: &str, code: &'static str, message: String) {
        if self.found.len() < FINDINGS_MAX {
            self.found.push(FieldError {
                field: (!path.is_empty()).then(|| path.to_owned()),
                code: Cow::Borrowed(code),
                message: Some(message),
            });
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let RefOr::T(Schema::Object(object)) = schema else {
        return false;
    };
    matches!(object.schema_type, SchemaType::Type(Type::Null))
}

fn fits(expected: &SchemaType, value: &Value) -> bool {
    match expected {
        SchemaType::Type(one) => is(one, value),
        SchemaType::Array(several) => several.iter().any(|one| is(one, value)),
        SchemaType::AnyValue => true,
    }
}

fn is(expected: &Type, value: &Value) -> bool {
    match expected {
        Type::Object => value.is_object(),
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Null => value.is_null(),
    }
}

fn name(of: &Type) -> &'static str {
    match of {
        Type::Object => "an object",
        Type::String => "a string",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "true or false",
        Type::Array => "a list",
        Type::Null => "null",
    }
}

/// With an offset, or as a clock shows it: which of both is wanted, the handler says.
fn is_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok() || text.parse::<NaiveDateTime>().is_ok()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    enum Role {
        User,
        Moderator,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        size: u8,
        at: DateTime<Utc>,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        name: String,
        id: Uuid,
        role: Role,
        count: Option<u32>,
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    fn told(body: &Value) -> Vec<String> {
        serde_json::from_value::<Sample>(body.clone()).expect_err("wrong");
        findings::<Sample>(body)
            .into_iter()
            .map(|error| format!("{} {}", error.field.unwrap_or_default(), error.code))
            .collect()
    }

    #[test]
    fn every_wrong_field_is_told() {
        let wrong = json!({"name": 1, "id": "x", "role": "king", "count": "9", "inner": 5, "list": {}});
        let expected =
            ["count", "id", "inner", "list", "name", "role"].map(|field| format!("{field} invalid_value"));
        let mut found = told(&wrong);
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_missing_field_is_told_beside_wrong_ones() {
        let mut found = told(&json!({"count": 1.5, "inner": {"size": "300"}, "list": [{}]}));
        found.sort();
        let expected = [
            "count invalid_value",
            "id value_required",
            "inner.at value_required",
            "inner.size invalid_value",
            "list[0].at value_required",
            "list[0].size value_required",
            "name value_required",
            "role value_required",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn elements_of_lists_are_named() {
        let good = json!({"size": 1, "at": "2000-01-01T00:00:00Z"});
        let found = told(&json!({
            "name": "", "id": Uuid::nil(), "role": "user", "list": [good, {"size": "x", "at": "y"}, 5],
        }));
        assert_eq!(
            found,
            [
                "list[1].at invalid_value",
                "list[1].size invalid_value",
                "list[2] invalid_value"
            ]
        );
    }

    #[test]
    fn messages_say_what_is_wanted() {
        let body =
            json!({"name": 1, "id": "x", "role": "king", "count": "9", "inner": {"size": null, "at": 3}});
        let mut messages: Vec<_> = findings::<Sample>(&body)
            .into_iter()
            .filter_map(|error| error.message)
            .collect();
        messages.sort();
        assert_eq!(
            messages,
            [
                "must be a UUID",
                "must be a string",
                "must be a string",
                "must be a whole number",
                "must be a whole number or null",
                "must be one of \"user\", \"moderator\"",
            ]
        );
    }

    #[test]
    fn a_huge_list_of_mistakes_is_cut() {
        let list: Vec<_> = (0..1000).map(|_| json!({"size": "x", "at": "y"})).collect();
        let found = told(&json!({"name": "", "id": Uuid::nil(), "role": "user", "list": list}));
        assert_eq!(found.len(), FINDINGS_MAX);
    }

    #[test]
    fn what_is_right_is_not_accused() {
        let body = json!({
            "name": "a", "id": Uuid::nil(), "role": "user", "count": null, "inner": null,
            "list": [{"size": 255, "at": "2000-01-01T00:00:00.5+01:00"}], "unknown": [1],
        });
        assert!(findings::<Sample>(&body).is_empty());
    }
}
