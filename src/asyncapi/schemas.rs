//! JSON Schemas of the protocol's types.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

/// Where the document keeps the types that several messages name.
const PLACE: &str = "/components/schemas";

/// Collects types: those that clients write, and those that the server writes. A field with a default is optional for
/// who writes a command, but always there in an event.
pub(super) struct Types {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// The collected types by their names.
pub(super) struct Schemas {
    read: Map<String, Value>,
    written: Map<String, Value>,
}

impl Types {
    pub fn new() -> Self {
        let settings = || {
            SchemaSettings::draft07().with(|settings| {
                settings.definitions_path = PLACE.into();
                settings.meta_schema = None;
            })
        };
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// Adds a type that clients write, and what it names; answers its name.
    pub fn add_read<T: JsonSchema>(&mut self) -> String {
        self.read.subschema_for::<T>();
        T::schema_name().into_owned()
    }

    /// Adds a type that the server writes, and what it names; answers its name.
    pub fn add_written<T: JsonSchema>(&mut self) -> String {
        self.written.subschema_for::<T>();
        T::schema_name().into_owned()
    }

    pub fn finish(mut self) -> Schemas {
        let (mut read, mut written) = (
            self.read.take_definitions(true),
            self.written.take_definitions(true),
        );
        read.values_mut().for_each(tidy);
        for schema in written.values_mut() {
            tidy(schema);
            leave_out_what_is_never_null(schema);
        }
        Schemas { read, written }
    }
}

impl Schemas {
    /// The variants of an enum that is told apart by a tag, in their order, each with its name. The enum itself goes.
    pub fn take_read(&mut self, name: &str, tag: &str) -> Vec<(String, Value)> {
        self.read
            .remove(name)
            .map_or_else(Vec::new, |schema| variants(schema, tag))
    }

    /// The same of an enum that the server writes.
    pub fn take_written(&mut self, name: &str, tag: &str) -> Vec<(String, Value)> {
        self.written
            .remove(name)
            .map_or_else(Vec::new, |schema| variants(schema, tag))
    }

    /// The variants of an enum that the server writes; it stays.
    pub fn variants(&self, name: &str, tag: &str) -> Vec<(String, Value)> {
        self.written
            .get(name)
            .map_or_else(Vec::new, |schema| variants(schema.clone(), tag))
    }

    /// A type that the server writes; it goes.
    pub fn take_whole(&mut self, name: &str) -> Value {
        self.written.remove(name).unwrap_or_default()
    }

    /// What is left: the types that messages name. One that differs by direction would have two shapes under one name.
    pub fn shared(self) -> BTreeMap<String, Value> {
        let mut shared: BTreeMap<_, _> = self.read.into_iter().collect();
        for (name, schema) in self.written {
            let replaced = shared.insert(name.clone(), schema);
            debug_assert!(
                replaced.is_none() || replaced.as_ref() == shared.get(&name),
                "{name} has two shapes"
            );
        }
        shared
    }
}

fn variants(mut schema: Value, tag: &str) -> Vec<(String, Value)> {
    let Some(Value::Array(variants)) = schema.get_mut("oneOf").map(Value::take) else {
        return Vec::new();
    };
    let named = variants.into_iter().filter_map(|variant| {
        let name = variant["properties"][tag]["const"].as_str()?.to_owned();
        Some((name, variant))
    });
    named.collect()
}

/// Descriptions become plain lines, and what says nothing goes.
fn tidy(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if let Some(Value::String(text)) = object.get_mut("description") {
            // Links of the code's own documentation lead nowhere here.
            *text = text.replace('\n', " ").replace("[`", "`").replace("`]", "`");
        }
        object.retain(|key, value| match key.as_str() {
            "description" => value != "",
            "default" => !value.is_null(),
            _ => true,
        });
    }
    each_child(schema, tidy);
}

/// The server leaves a field out where it has no value; a field that may be null is always there.
fn leave_out_what_is_never_null(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let optional = properties
            .iter_mut()
            .filter(|(name, _)| !required.contains(&Value::from(name.as_str())));
        for (_, property) in optional {
            without_null(property);
        }
    }
    each_child(schema, leave_out_what_is_never_null);
}

fn without_null(property: &mut Value) {
    for (key, null) in [
        ("type", Value::from("null")),
        ("anyOf", serde_json::json!({"type": "null"})),
    ] {
        let Some(Value::Array(choices)) = property.get_mut(key) else {
            continue;
        };
        choices.retain(|choice| *choice != null);
        if let [only] = &choices[..] {
            let only = only.clone();
            let key = if key == "anyOf" { "allOf" } else { key };
            let only = if key == "allOf" {
                Value::from(vec![only])
            } else {
                only
            };
            if let Some(object) = property.as_object_mut() {
                object.remove("anyOf");
                object.insert(key.to_owned(), only);
            }
        }
    }
}

fn each_child(schema: &mut Value, change: fn(&mut Value)) {
    match schema {
        Value::Object(object) => object.values_mut().for_each(change),
        Value::Array(list) => list.iter_mut().for_each(change),
        _ => {}
    }
}
