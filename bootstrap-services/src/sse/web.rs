//! Streams as responses.

use bootstrap_web::axum::body::Body;
use bootstrap_web::axum::extract::FromRequestParts as _;
use bootstrap_web::axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use bootstrap_web::axum::response::{IntoResponse, Response};
use bootstrap_web::{Draining, Problem};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::sse::{SseError, SseHub, SseStream};

impl SseHub {
    /// Subscribes the client of the current request to channels, and returns the response.
    ///
    /// It ends when the server drains. The client continues after the event in its header `last-event-id`.
    ///
    /// # Errors
    ///
    /// 400 if a channel has a wrong name, 403 if the client may not subscribe to it, and 503 if there are too many clients or
    /// the app is stopping.
    ///
    /// # Cancel safety
    ///
    /// The client is not subscribed if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap_services::sse::SseHub;
    /// use bootstrap_web::prelude::*;
    ///
    /// async fn events(hub: State<SseHub>, headers: HeaderMap) -> Result<Response, Problem> {
    ///     hub.response(&["orders"], &headers).await
    /// }
    ///
    /// #[routes]
    /// fn api() -> impl RouteSet {
    ///     Routes::new().get("/events", events)
    /// }
    /// ```
    pub async fn response<C: AsRef<str>>(
        &self,
        channels: &[C],
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let id = headers.get("last-event-id");
        let id = id.and_then(|id| id.to_str().ok());
        self.response_after(channels, id).await
    }

    /// The same as [`response`](Self::response), for a client that sends the id of its last event elsewhere: in the query,
    /// because its page has made a new `EventSource`, which sends no header.
    ///
    /// # Errors
    ///
    /// As [`response`](Self::response).
    ///
    /// # Cancel safety
    ///
    /// As [`response`](Self::response).
    pub async fn response_after<C: AsRef<str>>(
        &self,
        channels: &[C],
        last_event_id: Option<&str>,
    ) -> Result<Response, Problem> {
        let stream = self.subscribe(channels, last_event_id).await;
        Ok(stream.map_err(problem)?.into_response())
    }
}

impl SseError {
    fn status(&self) -> StatusCode {
        match self {
            Self::ChannelName(_) | Self::ChannelCount(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::TooManyClients(_) | Self::TooManyChannels(_) | Self::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

fn problem(error: SseError) -> Problem {
    let problem = Problem::new(error.status());
    match &error {
        // Its help is for the author of the service.
        SseError::Forbidden(channel) => problem.with("channel", channel),
        SseError::ChannelName(_) | SseError::ChannelCount(_) => problem.detail(error.to_string()),
        _ => problem,
    }
    .cause(error)
}

/// A response of the type `text/event-stream`, which ends when the server of the current request drains.
impl IntoResponse for SseStream {
    fn into_response(self) -> Response {
        let stream = self.until(draining().token().cancelled_owned());
        let pieces = stream.map(Ok::<_, std::convert::Infallible>);
        let mut response = Body::from_stream(pieces).into_response();
        let headers = response.headers_mut();
        let event_stream = HeaderValue::from_static("text/event-stream");
        headers.insert(header::CONTENT_TYPE, event_stream);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Or nginx holds events back.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }
}

/// That of the server of the current request. It is in the scope of the request, and not in its head.
fn draining() -> Draining {
    let (mut parts, ()) = Request::new(()).into_parts();
    let draining = Draining::from_request_parts(&mut parts, &()).now_or_never();
    draining.and_then(Result::ok).unwrap_or_default()
}
