//! The parameters of an operation.

use serde_json::{Map, Value, json};

use crate::builtin::openapi::schemas::Schemas;
use crate::handle::Operation;

/// The path as OpenAPI writes it: `/files/{rest}` for `/files/{*rest}`.
pub(super) fn template(path: &str) -> String {
    path.replace("{*", "{")
}

/// The names in `/users/{id}/files/{*rest}`.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| {
        let (name, _) = part.split_once('}')?;
        Some(name.trim_start_matches('*'))
    })
}

pub(super) fn parameters(
    path: &str,
    operation: Option<&Operation>,
    schemas: &mut Schemas,
) -> Vec<Value> {
    let mut all = in_path(path, operation, schemas);
    let Some(operation) = operation else {
        return all;
    };
    for query in &operation.query {
        all.extend(in_query(&schemas.inline(*query)));
    }
    for name in &operation.headers {
        all.push(json!({ "name": name, "in": "header", "schema": { "type": "string" } }));
    }
    all
}

fn in_path(path: &str, operation: Option<&Operation>, schemas: &mut Schemas) -> Vec<Value> {
    let schema = operation.and_then(|it| it.path);
    let schema = schema
        .map(|schema| schemas.inline(schema))
        .unwrap_or_default();
    let parameters = names(path).enumerate();
    let parameters = parameters.map(|(index, name)| {
        let schema = of_part(&schema, index, name);
        parameter(name, "path", true, &schema)
    });
    parameters.collect()
}

/// The part of a schema for one parameter: a field of a struct, an item of a tuple, or the single value.
fn of_part(schema: &Value, index: usize, name: &str) -> Value {
    let field = &schema["properties"][name];
    let item = &schema["prefixItems"][index];
    let is_single =
        schema["type"].is_string() && schema["type"] != "object" && schema["type"] != "array";
    let is_single = is_single || schema.get("enum").is_some() || schema.get("oneOf").is_some();
    let part = [field, item].into_iter().find(|part| !part.is_null());
    let part = part.or((is_single && index == 0).then_some(schema));
    part.cloned().unwrap_or_else(|| json!({ "type": "string" }))
}

fn in_query(schema: &Value) -> Vec<Value> {
    let Some(fields) = schema["properties"].as_object() else {
        return Vec::new();
    };
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
    let parameters = fields.iter();
    let parameters =
        parameters.map(|(name, schema)| parameter(name, "query", is_required(name), schema));
    parameters.collect()
}

fn parameter(name: &str, place: &str, is_required: bool, schema: &Value) -> Value {
    let mut parameter = Map::new();
    parameter.insert("name".into(), name.into());
    parameter.insert("in".into(), place.into());
    let mut schema = schema.clone();
    let members = schema.as_object_mut();
    if let Some(text) = members.and_then(|it| it.remove("description")) {
        parameter.insert("description".into(), text);
    }
    if is_required {
        parameter.insert("required".into(), true.into());
    }
    parameter.insert("schema".into(), schema);
    parameter.into()
}
