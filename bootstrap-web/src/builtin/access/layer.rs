//! The layer around the web.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use bootstrap::State;
use pin_project_lite::pin_project;
use tower::Service;
use tracing::Instrument;
use tracing::instrument::Instrumented;

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
    type Future = Instrumented<Following>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let proxies = &self.settings.proxies;
        let known = proxies
            .trusts(peer(request.extensions()))
            .then(|| RequestId::of(request.headers()))
            .flatten();
        let id = known.unwrap_or_else(RequestId::next);
        // What a client has sent is not handed on.
        if request.headers().contains_key(HEADER) {
            let id = id.as_header().clone();
            request.headers_mut().insert(HEADER, id);
        }
        let (record, span) = Record::start(&self.settings, &request, &id);
        let following = Following {
            answer: self.inner.call(request),
            id,
            record,
        };
        following.instrument(span)
    }
}

pin_project! {
    /// A response, which is observed to its end.
    pub(super) struct Following {
        #[pin]
        answer: <WebService as Service<Request>>::Future,
        id: RequestId,
        record: Option<Record>,
    }
}

impl Future for Following {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.answer.poll(cx));
        let id = this.id.as_header().clone();
        response.headers_mut().insert(HEADER, id);
        Poll::Ready(Ok(match this.record.take() {
            Some(record) => record.follow(response),
            None => response,
        }))
    }
}
