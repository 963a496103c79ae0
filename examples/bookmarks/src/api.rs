//! The API: the handlers of all paths.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Query, Request, State as Extract};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use bookmarks_store::{AddError, Bookmarks, NewBookmark};
use bootstrap::lifecycle::Status;
use bootstrap::{Handle, State};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

/// The limit of a body, in bytes: a bookmark is small.
const BODY_LIMIT: usize = 64 * 1024;

/// What the handlers share.
pub(crate) struct Api {
    pub(crate) bookmarks: State<Bookmarks>,
    pub(crate) app: Handle,
}

/// Returns the routes.
pub(crate) fn router(api: Api, request_limit: Duration) -> Router {
    Router::new()
        .route("/bookmarks", get(list).post(add))
        .route("/bookmarks/{id}", delete(remove))
        .route("/health", get(health))
        .layer(middleware::from_fn_with_state(request_limit, in_time))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::map_response(errors_as_json))
        .with_state(Arc::new(api))
}

/// Reads the body before a handler runs. So a request that is answered with 408 has changed nothing,
/// and a request that changed something gets the result. The database has limits of its own.
async fn in_time(Extract(limit): Extract<Duration>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = Bytes::from_request(Request::from_parts(head.clone(), body), &());
    match timeout(limit, body).await {
        Ok(Ok(body)) => next.run(Request::from_parts(head, body.into())).await,
        Ok(Err(refused)) => refused.into_response(),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
    }
}

/// Turns every error into `{"error": ".."}`. It does so here because many errors come from axum: from
/// its extractors, or for paths without a route.
async fn errors_as_json(response: Response) -> Response {
    let code = response.status();
    let is_error = code.is_client_error() || code.is_server_error();
    let json = HeaderValue::from_static("application/json");
    if !is_error || response.headers().get(CONTENT_TYPE) == Some(&json) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let error = match &*String::from_utf8_lossy(&text) {
        "" => code.canonical_reason().unwrap_or("unknown").to_owned(),
        text => text.to_owned(),
    };
    // Headers of the text. Other headers, such as `Allow`, are kept.
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.remove(CONTENT_LENGTH);
    (code, parts.headers, Json(json!({ "error": error }))).into_response()
}

#[derive(Deserialize)]
struct Filter {
    tag: Option<String>,
}

async fn list(
    Extract(api): Extract<Arc<Api>>,
    Query(filter): Query<Filter>,
) -> Result<Response, Failure> {
    Ok(match filter.tag {
        Some(tag) => Json(&*api.bookmarks.by_tag(&tag).await?).into_response(),
        None => Json(api.bookmarks.list().await?).into_response(),
    })
}

async fn add(
    Extract(api): Extract<Arc<Api>>,
    Json(new): Json<NewBookmark>,
) -> Result<Response, Failure> {
    let bookmark = api.bookmarks.add(new).await?;
    Ok((StatusCode::CREATED, Json(bookmark)).into_response())
}

async fn remove(Extract(api): Extract<Arc<Api>>, Path(id): Path<i64>) -> Result<Response, Failure> {
    Ok(if api.bookmarks.delete(id).await? {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let error = format!("there is no bookmark {id}");
        (StatusCode::NOT_FOUND, error).into_response()
    })
}

/// Returns whether the service is ready and can write, for load balancers.
async fn health(Extract(api): Extract<Arc<Api>>) -> Response {
    let status = api.app.status();
    let mut health = json!({ "status": format!("{status:?}") });
    let code = match (status, api.bookmarks.check().await) {
        (Status::Ready, Ok(())) => StatusCode::OK,
        (_, checked) => {
            if let Err(error) = checked {
                health["error"] = format!("writing to the database failed: {error}").into();
            }
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    (code, Json(health)).into_response()
}

/// An error of the repository, as a response.
struct Failure(AddError);

impl<E: Into<AddError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = match &self.0 {
            AddError::NoAddress(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AddError::Exists(_) => StatusCode::CONFLICT,
            AddError::Database(error) => {
                tracing::error!("the database failed: {error}");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (code, self.0.to_string()).into_response()
    }
}
