//! The layer around the web.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use bootstrap::{RequestScope, State};
use tower::Service;
use tracing::Instrument;

use crate::builtin::access::id::{HEADER, RequestId};
use crate::builtin::access::record::Record;
use crate::builtin::client::{Proxies, peer};
use crate::web::WebService;

/// What is decided when the app starts.
pub(super) struct Settings {
    pub(super) proxies: State<Proxies>,
    /// Whether the query is logged.
    pub(super) query: bool,
    /// Routes whose requests are logged as details.
    pub(super) quiet: Vec<String>,
}

/// The web, and what is observed of its requests.
#[derive(Clone)]
pub(super) struct Observed {
    pub(super) inner: WebService,
    pub(super) settings: Arc<Settings>,
}

impl Service<Request> for Observed {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let (peer, proxies) = (peer(&parts), &self.settings.proxies);
        let known = proxies
            .trusts(peer)
            .then(|| RequestId::of(&parts.headers))
            .flatten();
        let id = known.unwrap_or_else(RequestId::next);
        let header = id.to_header();
        // What a client has sent is not handed on.
        if let Some(header) = header
            .clone()
            .filter(|_| parts.headers.contains_key(HEADER))
        {
            parts.headers.insert(HEADER, header);
        }
        let scope = RequestScope::current();
        if let Some(scope) = &scope {
            // It fails only for a scope that has ended.
            let _ = scope.set(id.clone());
        }
        let client = proxies.client(peer, &parts.headers);
        let record = Record::start(&self.settings, &parts, &id, client, scope);
        let span = record.span().clone();
        let answer = self.inner.call(Request::from_parts(parts, body));
        let observed = async move {
            let Ok(mut response) = answer.await;
            if let Some(header) = header {
                response.headers_mut().insert(HEADER, header);
            }
            Ok(record.follow(response))
        };
        Box::pin(observed.instrument(span))
    }
}
