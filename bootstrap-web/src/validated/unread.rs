//! Sources that can't be read.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::problem::{Problem, Unreadable, carried, reject};

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
    /// A rejection that is not about values: the answer in any case.
    Answer(Response),
}

impl Unread {
    /// `names` are those of the parameters in the path.
    pub(super) fn of(rejection: impl IntoResponse + 'static, names: &[String]) -> Self {
        let unreadable = Unreadable::of(&rejection, names);
        let mut response = reject(rejection, names);
        let status = response.status();
        if !is_about_values(status) {
            return Self(Reason::Answer(response));
        }
        if let Some(Unreadable::Value { path, message }) = unreadable {
            return Self::issue(path, message, None);
        }
        let problem = carried(&mut response).unwrap_or_else(|| Problem::new(status));
        let message = problem.detail_ref().unwrap_or("can't be read").to_owned();
        let is_usual = status == StatusCode::UNPROCESSABLE_ENTITY;
        Self::issue(String::new(), message, (!is_usual).then_some(problem))
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
