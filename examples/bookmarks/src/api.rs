//! The API: the routes, and what each requires.

use std::sync::Arc;

use bookmarks_store::{AddError, Bookmark, Bookmarks, NewBookmark};
use bootstrap::prelude::*;
use bootstrap_web::operation;
use bootstrap_web::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

/// The limit of a body, in bytes: a bookmark is small.
const BODY_LIMIT: usize = 64 * 1024;

#[routes(name = "api")]
fn api() -> impl RouteSet {
    Routes::new()
        .body_limit(BODY_LIMIT)
        .get(
            "/bookmarks",
            operation(list).summary("Lists bookmarks, the newest first"),
        )
        .post(
            "/bookmarks",
            operation(add).summary("Adds a bookmark").status(201),
        )
        .delete(
            "/bookmarks/{id}",
            operation(remove).summary("Deletes a bookmark").status(204),
        )
}

#[derive(Deserialize, JsonSchema)]
struct Filter {
    /// Only bookmarks with this tag.
    tag: Option<String>,
}

async fn list(
    bookmarks: State<Bookmarks>,
    Query(filter): Query<Filter>,
) -> Result<Json<Arc<[Bookmark]>>, Problem> {
    let found = match filter.tag {
        Some(tag) => bookmarks.by_tag(&tag).await,
        None => bookmarks.list().await.map(Arc::from),
    };
    found.map(Json).map_err(refused)
}

async fn add(
    bookmarks: State<Bookmarks>,
    Validated(Json(new)): Validated<Json<NewBookmark>>,
) -> Result<(StatusCode, Json<Bookmark>), Problem> {
    let bookmark = bookmarks.add(new).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(bookmark)))
}

async fn remove(bookmarks: State<Bookmarks>, Path(id): Path<i64>) -> Result<StatusCode, Problem> {
    if bookmarks.delete(id).await.map_err(refused)? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found().detail(format!("there is no bookmark {id}")))
}

/// An error of the repository, for clients: what they can do about it.
fn refused(error: impl Into<AddError>) -> Problem {
    let error = error.into();
    match &error {
        AddError::NoAddress(_) => Problem::unprocessable().detail(error.to_string()),
        AddError::Exists(_) => Problem::conflict().detail(error.to_string()),
        AddError::Database(_) => Problem::unavailable().cause(error),
    }
}
