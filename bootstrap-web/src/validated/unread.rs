//! Why a source can't be read, in words that do not repeat the request.

use std::any::Any;
use std::error::Error;
use std::iter::successors;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_path_to_error::{Path, Segment};

use crate::problem::{Problem, carried, reject};

/// A source that can't be read.
#[derive(Debug)]
pub struct Unread(pub(super) Reason);

#[derive(Debug)]
pub(super) enum Reason {
    Issue {
        path: String,
        message: String,
        /// The problem if nothing else is wrong, unless it is a 422 like the others.
        alone: Option<Problem>,
    },
    /// What is no matter of values: the answer, whatever else is wrong.
    Answer(Response),
}

impl Unread {
    /// `names` are those of the parameters in the path.
    pub(super) fn of(rejection: impl IntoResponse + 'static, names: &[String]) -> Self {
        let known = known(&rejection, names);
        let mut response = reject(rejection.into_response());
        if !is_about_values(response.status()) {
            return Self(Reason::Answer(response));
        }
        match known {
            Some(Known::Value { path, message }) => Self::issue(path, message, None),
            Some(Known::Malformed(message)) => {
                let problem = Problem::bad_request().detail(message.clone());
                Self::issue(String::new(), message, Some(problem))
            }
            None => {
                let status = response.status();
                let problem = carried(&mut response).unwrap_or_else(|| Problem::new(status));
                let message = problem.detail_ref().unwrap_or("can't be read").to_owned();
                let is_usual = status == StatusCode::UNPROCESSABLE_ENTITY;
                Self::issue(String::new(), message, (!is_usual).then_some(problem))
            }
        }
    }

    fn issue(path: String, message: String, alone: Option<Problem>) -> Self {
        Self(Reason::Issue {
            path,
            message,
            alone,
        })
    }
}

fn is_about_values(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// What is wrong with a source of axum that has a value.
enum Known {
    /// It is not of its type.
    Value { path: String, message: String },
    /// It is not JSON.
    Malformed(String),
}

/// `None` if there was no value, or it is another extractor: their answers repeat nothing.
fn known(rejection: &dyn Any, names: &[String]) -> Option<Known> {
    if let Some(PathRejection::FailedToDeserializePathParams(error)) = rejection.downcast_ref() {
        let (path, message) = of_parameter(error.kind(), names);
        return Some(Known::Value { path, message });
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

type AtPath<E> = serde_path_to_error::Error<E>;

/// Errors of the syntax name what is expected, and where.
fn malformed(error: &serde_json::Error) -> Known {
    Known::Malformed(format!("malformed JSON: {error}"))
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

fn of_value(path: &Path, error: &str) -> Known {
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
    Known::Value {
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

/// What the errors of the standard library say; there is no value in it.
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

/// How the errors of serde begin that name what was expected.
const KINDS: [&str; 5] = [
    "invalid length ",
    "invalid type: ",
    "invalid value: ",
    "unknown field `",
    "unknown variant `",
];

/// The field that an error of serde names, and what is wrong, without the value that most of them repeat.
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
    // What is expected comes last; it is of the type, not of the request.
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
