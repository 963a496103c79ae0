//! The schemas of a document: one for each type, by its name.

use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::handle::SchemaOf;

const AT: &str = "/components/schemas";

/// Two generators, as a type may be read differently from how it is written: with defaults, or with fields that
/// are only one of the two.
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
    /// Without references, for parameters.
    inline: SchemaGenerator,
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = AT.into();
        settings.meta_schema = None;
    })
}

impl Schemas {
    pub(super) fn new() -> Self {
        let inline = settings().for_deserialize();
        let inline = inline.with(|settings| settings.inline_subschemas = true);
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
            inline: inline.into_generator(),
        }
    }

    /// Of what a request contains.
    pub(super) fn read(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.read).to_value()
    }

    /// Of what a response contains.
    pub(super) fn written(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.written).to_value()
    }

    /// Of a struct whose fields are parameters.
    pub(super) fn inline(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.inline).to_value()
    }

    /// All schemas by their names. A type that is written differently from how it is read has a second one, whose name
    /// ends in `Output`; `responses` are made to refer to that.
    pub(super) fn finish(mut self, responses: &mut [&mut Value]) -> Map<String, Value> {
        let mut all = self.read.take_definitions(true);
        let written = self.written.take_definitions(true);
        let different = different(&all, &written);
        for (name, mut schema) in written {
            rename(&mut schema, &different);
            all.insert(new_name(&name, &different), schema);
        }
        for response in responses {
            rename(response, &different);
        }
        // Those of recursive types.
        let inline = self.inline.take_definitions(true);
        for (name, schema) in inline {
            all.entry(name).or_insert(schema);
        }
        all
    }
}

/// The names of schemas that are written differently, and of those that refer to one of them.
fn different(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeSet<String> {
    let shared = written.iter().filter(|(name, _)| read.contains_key(*name));
    let shared: Vec<_> = shared.collect();
    let mut different = BTreeSet::new();
    loop {
        let before = different.len();
        for (name, schema) in &shared {
            if read.get(*name) != Some(*schema) || refers_to(schema, &different) {
                different.insert((*name).clone());
            }
        }
        if different.len() == before {
            return different;
        }
    }
}

fn new_name(name: &str, different: &BTreeSet<String>) -> String {
    if different.contains(name) {
        format!("{name}Output")
    } else {
        name.to_owned()
    }
}

/// The name in `#/components/schemas/Row`.
fn name_of(reference: &str) -> Option<&str> {
    reference
        .strip_prefix('#')?
        .strip_prefix(AT)?
        .strip_prefix('/')
}

fn refers_to(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(member, value)| match value.as_str() {
            Some(text) if member == "$ref" => name_of(text).is_some_and(|it| names.contains(it)),
            _ => refers_to(value, names),
        }),
        Value::Array(items) => items.iter().any(|item| refers_to(item, names)),
        _ => false,
    }
}

fn rename(value: &mut Value, different: &BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = value
                    .as_str()
                    .filter(|_| member == "$ref")
                    .and_then(name_of);
                match name.map(|name| format!("#{AT}/{}", new_name(name, different))) {
                    Some(reference) => *value = reference.into(),
                    None => rename(value, different),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, different)),
        _ => {}
    }
}
