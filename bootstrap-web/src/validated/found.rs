//! The issues of a request, source by source.

use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;
use crate::validated::check::Issues;
use crate::validated::unread::{Reason, Unread};

/// The issues of a request.
#[derive(Debug, Default)]
pub struct Found {
    issues: Vec<Issue>,
    /// The problem of a source whose issue may be the only one.
    alone: Option<Problem>,
    /// The answer of a source that is sent in any case.
    answer: Option<Response>,
}

/// A member of `issues`.
#[derive(Debug, Serialize)]
struct Issue {
    source: &'static str,
    path: String,
    message: String,
}

impl Found {
    /// Checks the value of a source.
    pub(super) fn check(&mut self, source: &'static str, check: impl FnOnce(&mut Issues)) {
        let mut issues = Issues::default();
        check(&mut issues);
        self.issues
            .extend(issues.iter().map(|(path, message)| Issue {
                source,
                path: path.to_owned(),
                message: message.to_owned(),
            }));
    }

    /// Adds a source that can't be read.
    pub(super) fn unread(&mut self, source: &'static str, unread: Unread) {
        match unread.0 {
            Reason::Answer(response) => {
                self.answer.get_or_insert(response);
            }
            Reason::Issue {
                path,
                message,
                alone,
            } => {
                self.issues.push(Issue {
                    source,
                    path,
                    message,
                });
                self.alone = self.alone.take().or(alone);
            }
        }
    }

    /// The answer, if something is wrong.
    pub(super) fn into_response(self) -> Option<Response> {
        if self.answer.is_some() {
            return self.answer;
        }
        let (problem, detail) = match (self.issues.len(), self.alone) {
            (0, _) => return None,
            (1, Some(problem)) => (problem, "1 issue".to_owned()),
            (1, None) => (Problem::unprocessable(), "1 issue".to_owned()),
            (count, _) => (Problem::unprocessable(), format!("{count} issues")),
        };
        let problem = problem.detail(detail);
        Some(problem.with("issues", self.issues).into_response())
    }
}
