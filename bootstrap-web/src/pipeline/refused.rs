//! Requests that do not reach a handler, because of the listener or the page that they come from.

use axum::body::Body;
use axum::http::Request;

use crate::handle::{Exchange, Reach};
use crate::problem::Problem;

/// Why a request does not reach the handler.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    /// Its listener does not serve the set.
    NotServed,
    /// A page of another origin asks for a websocket.
    Foreign,
}

impl Refused {
    pub(super) fn find(exchange: &Exchange, reach: Reach, request: &Request<Body>) -> Option<Self> {
        if !reach.permits(exchange.listener(), request.headers(), request.extensions()) {
            return Some(Self::NotServed);
        }
        let is_foreign = exchange.server().is_some_and(|server| server.is_foreign);
        is_foreign.then_some(Self::Foreign)
    }

    pub(super) fn problem(self) -> Problem {
        match self {
            Self::NotServed => Problem::not_found(),
            Self::Foreign => {
                Problem::forbidden().detail("pages of this origin may not open a websocket here")
            }
        }
    }
}
