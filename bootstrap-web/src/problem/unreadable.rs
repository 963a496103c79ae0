//! Reports a value that can't be read without repeating it, which the errors of axum and serde do.

use std::any::Any;
use std::borrow::Cow;
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
        } => (key.clone(), expects(expected_type)),
        ErrorKind::ParseErrorAtIndex {
            index,
            expected_type,
            ..
        } => (of_index(*index), expects(expected_type)),
        ErrorKind::ParseError { expected_type, .. } => (of_index(0), expects(expected_type)),
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
        Some((_, expected)) => expects(expected),
        None if is_unknown => "is unknown".to_owned(),
        None => NOT_VALID.to_owned(),
    };
    (None, message)
}

fn expects(expected: &str) -> String {
    format!("expected {}", for_clients(expected))
}

/// Replaces the words of serde that name types of Rust, which a client does not know. Other expectations are the words of
/// the author of a type.
fn for_clients(expected: &str) -> Cow<'_, str> {
    if let Some(number) = expected.strip_prefix("a nonzero ") {
        return format!("{} other than 0", for_clients(number)).into();
    }
    if let Some(length) = length_of_tuple(expected) {
        return format!("an array of length {length}").into();
    }
    let is = |kind| expected.starts_with(kind);
    let words = match expected {
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "f32" | "f64" => "a number",
        "bool" => "a boolean",
        "char" => "a character",
        "a borrowed string" | "path string" | "variant identifier" => "a string",
        "a map" => "an object",
        "a sequence" => "an array",
        "string or map" => "a string or an object",
        "unit" => "null",
        _ if OBJECTS.into_iter().any(is) => "an object",
        _ if is("enum ") => "a string or an object",
        _ if is("tuple struct ") || is("tuple variant ") => "an array",
        _ if is("unit struct ") => "null",
        _ => expected,
    };
    words.into()
}

/// Prefixes of expectations that are JSON objects; the name of a type follows.
const OBJECTS: [&str; 4] = [
    "adjacently tagged enum ",
    "internally tagged enum ",
    "struct ",
    "struct variant ",
];

fn length_of_tuple(expected: &str) -> Option<&str> {
    if let Some(length) = expected.strip_prefix("a tuple of size ") {
        return Some(length);
    }
    let of_type = expected.strip_prefix("tuple ")?;
    let (_, elements) = of_type.rsplit_once(" with ")?;
    Some(elements.split_once(" element")?.0)
}

fn between<'a>(error: &'a str, start: &str) -> Option<&'a str> {
    let rest = error.strip_prefix(start)?;
    Some(rest.split_once('`')?.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::num::NonZeroU8;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

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
        assert_eq!(reported(length), "- expected an array of length 2");
        assert_eq!(reported("no such colour: x"), "- is not valid");
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "no value of it is made")]
    struct Book {
        title: String,
        pages: u16,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "no value of it is made")]
    struct Point(i64, i64);

    #[derive(Deserialize)]
    struct Nothing;

    #[derive(Deserialize)]
    #[serde(tag = "kind")]
    enum Shape {
        Circle,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "no value of it is made")]
    enum Size {
        Exact { width: u8 },
    }

    /// What is reported of JSON that is not a `T`, by the serde that is built in.
    fn rejected<T: DeserializeOwned>(json: &str) -> String {
        let Err(error) = serde_json::from_str::<T>(json) else {
            panic!("{json} is read");
        };
        assert!(error.is_data(), "{error}");
        of_text(&error.to_string()).1
    }

    /// A client does not know the types of the service.
    #[test]
    fn expectations_name_no_types_of_rust() {
        let reported = [
            rejected::<Book>("[]"),
            rejected::<Book>("7"),
            rejected::<HashMap<String, u8>>("7"),
            rejected::<Size>(r#"{"Exact": 7}"#),
            rejected::<Shape>("7"),
            rejected::<Shape>(r#"{"kind": {}}"#),
            rejected::<Point>("7"),
            rejected::<Point>("[1]"),
            rejected::<(u8, u8)>("[1]"),
            rejected::<[u8; 2]>("[1]"),
            rejected::<Vec<u8>>("{}"),
            rejected::<Nothing>("7"),
            rejected::<()>("7"),
            rejected::<u8>("256"),
            rejected::<NonZeroU8>("0"),
            rejected::<i64>("1.5"),
            rejected::<u64>("-1"),
            rejected::<f64>("true"),
            rejected::<bool>("7"),
            rejected::<char>("7"),
            rejected::<String>("7"),
        ];
        let expected = [
            "an object",
            "an object",
            "an object",
            "an object",
            "an object",
            "a string",
            "an array",
            "an array of length 2",
            "an array of length 2",
            "an array of length 2",
            "an array",
            "null",
            "null",
            "a whole number from 0 to 255",
            "a whole number from 0 to 255 other than 0",
            "a whole number",
            "a whole number of 0 or more",
            "a number",
            "a boolean",
            "a character",
            "a string",
        ];
        assert_eq!(reported, expected.map(|it| format!("expected {it}")));
    }

    /// `#[serde(expecting = "..")]`, for example.
    #[test]
    fn the_words_of_the_author_of_a_type_are_kept() {
        let (_, message) = of_text("invalid type: integer `7`, expected a colour such as #fff");
        assert_eq!(message, "expected a colour such as #fff");
    }
}
