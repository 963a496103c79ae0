//! Reports a value that can't be read without repeating it, which the errors of axum and serde do.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::iter::successors;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use futures_util::FutureExt;
use serde_path_to_error::{Path, Segment};

/// What is wrong with a value that an extractor of axum has rejected.
pub(crate) enum Unreadable {
    /// It is not of its type.
    Value { path: String, message: String },
    /// It is not JSON.
    Malformed(String),
}

impl Unreadable {
    /// `names` are those of the parameters in the path. `None` if there was no value, or the extractor is
    /// another one.
    pub(crate) fn of(rejection: &dyn Any, names: &[String]) -> Option<Self> {
        if let Some(PathRejection::FailedToDeserializePathParams(error)) = rejection.downcast_ref()
        {
            let (path, message) = of_parameter(error.kind(), names);
            return Some(Unreadable::Value { path, message });
        }
        let error = as_error::<JsonRejection>(rejection)
            .or_else(|| as_error::<FormRejection>(rejection))
            .or_else(|| as_error::<QueryRejection>(rejection))?;
        successors(Some(error), |&error| error.source()).find_map(|error| {
            if let Some(error) = error.downcast_ref::<AtPath<serde_json::Error>>() {
                let inner = error.inner();
                let is_value = inner.is_data();
                let found = is_value.then(|| of_value(error.path(), &inner.to_string()));
                return Some(found.unwrap_or_else(|| malformed(inner)));
            }
            if let Some(error) = error.downcast_ref::<AtPath<serde::de::value::Error>>() {
                return Some(of_value(error.path(), &error.inner().to_string()));
            }
            error.downcast_ref::<serde_json::Error>().map(malformed)
        })
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { path, message } if path.is_empty() => f.write_str(message),
            Self::Value { path, message } => write!(f, "`{path}`: {message}"),
            Self::Malformed(message) => f.write_str(message),
        }
    }
}

/// The names of the parameters in the path of a request.
pub(crate) fn names(parts: &mut Parts) -> Vec<String> {
    let params = path_params(parts);
    let pairs = params.iter().flatten();
    pairs.map(|(name, _)| name.to_owned()).collect()
}

/// The parameters in the path of a request, decoded.
pub(crate) fn path_params(parts: &mut Parts) -> Option<RawPathParams> {
    // Axum decodes them; it does not wait for anything.
    let params = RawPathParams::from_request_parts(parts, &()).now_or_never();
    params.and_then(Result::ok)
}

type AtPath<E> = serde_path_to_error::Error<E>;

/// Errors of the syntax contain a place, and nothing of the request.
fn malformed(error: &serde_json::Error) -> Unreadable {
    Unreadable::Malformed(format!("malformed JSON: {error}"))
}

fn as_error<E: Error + 'static>(rejection: &dyn Any) -> Option<&(dyn Error + 'static)> {
    let error = rejection.downcast_ref::<E>()?;
    Some(error)
}

fn of_parameter(kind: &ErrorKind, names: &[String]) -> (String, String) {
    let of_index = |index: usize| names.get(index).cloned().unwrap_or_default();
    match kind {
        ErrorKind::ParseErrorAtKey {
            key, expected_type, ..
        } => (key.clone(), format!("expected {expected_type}")),
        ErrorKind::ParseErrorAtIndex {
            index,
            expected_type,
            ..
        } => (of_index(*index), format!("expected {expected_type}")),
        ErrorKind::ParseError { expected_type, .. } => {
            (of_index(0), format!("expected {expected_type}"))
        }
        ErrorKind::InvalidUtf8InPathParam { key } => (key.clone(), "is not valid UTF-8".into()),
        ErrorKind::DeserializeError { key, message, .. } => {
            let (path, message) = of_text(message);
            (joined(key.clone(), path), message)
        }
        ErrorKind::Message(message) => {
            let (path, message) = of_text(message);
            let path = path.unwrap_or_default();
            (path.to_owned(), message)
        }
        _ => (String::new(), NOT_VALID.to_owned()),
    }
}

fn of_value(path: &Path, error: &str) -> Unreadable {
    let (field, message) = of_text(error);
    let mut keys: Vec<&Segment> = path.iter().collect();
    // An unknown variant is a value.
    if let Some(Segment::Enum { .. }) = keys.last() {
        keys.pop();
    }
    let mut path = String::new();
    for key in keys {
        match key {
            Segment::Seq { index } => path = format!("{path}[{index}]"),
            Segment::Map { key } => path = joined(path, Some(key)),
            Segment::Enum { variant } => path = joined(path, Some(variant)),
            Segment::Unknown => path = joined(path, Some("?")),
        }
    }
    Unreadable::Value {
        path: joined(path, field),
        message,
    }
}

fn joined(mut path: String, field: Option<&str>) -> String {
    let Some(field) = field else {
        return path;
    };
    if !path.is_empty() {
        path.push('.');
    }
    path + field
}

const NOT_VALID: &str = "is not valid";

/// Errors of the standard library that do not contain the value.
const HARMLESS: [&str; 8] = [
    "cannot parse float from empty string",
    "cannot parse integer from empty string",
    "invalid digit found in string",
    "invalid float literal",
    "number too large to fit in target type",
    "number too small to fit in target type",
    "provided string was not `true` or `false`",
    "too many characters in string",
];

/// Prefixes of the errors of serde that end with an expectation.
const KINDS: [&str; 5] = [
    "invalid length ",
    "invalid type: ",
    "invalid value: ",
    "unknown field `",
    "unknown variant `",
];

/// Returns the field that an error of serde names, and a message without the value.
fn of_text(error: &str) -> (Option<&str>, String) {
    if let Some(field) = between(error, "missing field `") {
        return (Some(field), "is missing".to_owned());
    }
    if let Some(field) = between(error, "duplicate field `") {
        return (Some(field), "is there more than once".to_owned());
    }
    if let Some(known) = HARMLESS.iter().find(|known| error.starts_with(**known)) {
        return (None, (*known).to_owned());
    }
    // `serde_json` adds the place.
    let error = error
        .rsplit_once(" at line ")
        .map_or(error, |(error, _)| error);
    let is_of_serde = KINDS.iter().any(|kind| error.starts_with(kind));
    let expects_nothing =
        error.ends_with("`, there are no fields") || error.ends_with("`, there are no variants");
    // The expectation comes last; it is part of the type, not of the request.
    let expected = error.rsplit_once(", expected ");
    let expected = expected.filter(|_| is_of_serde && !expects_nothing);
    let is_unknown = error.starts_with("unknown field `");
    let message = match expected {
        Some((_, expected)) if is_unknown => format!("is unknown, expected {expected}"),
        Some((_, expected)) => format!("expected {expected}"),
        None if is_unknown => "is unknown".to_owned(),
        None => NOT_VALID.to_owned(),
    };
    (None, message)
}

fn between<'a>(error: &'a str, start: &str) -> Option<&'a str> {
    let rest = error.strip_prefix(start)?;
    Some(rest.split_once('`')?.0)
}

#[cfg(test)]
mod tests {
    use super::of_text;

    /// A client that knows serde can send values that look like its errors.
    #[test]
    fn values_that_look_like_errors_are_not_repeated() {
        for error in [
            "invalid type: string \"x, expected secret\", expected u32 at line 1 column 9",
            "unknown field `x, expected secret`, there are no fields",
            "unknown variant `x, expected secret`, there are no variants at line 1 column 9",
            "no such colour: x, expected secret",
            "secret",
        ] {
            let (field, message) = of_text(error);
            assert_eq!(field, None, "{error}");
            assert!(!message.contains("secret"), "{error}: {message}");
        }
    }

    #[test]
    fn the_expected_type_and_the_field_are_reported() {
        let reported = |error| {
            let (field, message) = of_text(error);
            format!("{} {message}", field.unwrap_or("-"))
        };
        let unknown = "unknown field `x`, expected `a` or `b` at line 1 column 9";
        assert_eq!(reported(unknown), "- is unknown, expected `a` or `b`");
        let none = "unknown field `x`, there are no fields";
        assert_eq!(reported(none), "- is unknown");
        assert_eq!(
            reported("missing field `a` at line 1 column 9"),
            "a is missing"
        );
        assert_eq!(reported("duplicate field `a`"), "a is there more than once");
        let length = "invalid length 3, expected a tuple of size 2";
        assert_eq!(reported(length), "- expected a tuple of size 2");
        assert_eq!(reported("no such colour: x"), "- is not valid");
    }
}
