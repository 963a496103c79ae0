//! The answer of a handler that has created something.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The answer of a handler that has created something: a response with the status 201 and the header `location`.
///
/// A response that is an error stays one. The OpenAPI document has the 201 with the body and the header.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct NewNote {
///     text: String,
/// }
///
/// #[derive(Serialize)]
/// struct Note {
///     id: u32,
///     text: String,
/// }
///
/// async fn add(Json(new): Json<NewNote>) -> Created<Json<Note>> {
///     let note = Note { id: 7, text: new.text };
///     Created::at(format!("/notes/{}", note.id), Json(note))
/// }
///
/// #[routes]
/// fn api() -> impl RouteSet {
///     Routes::new().post("/notes", add)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Api::default()).with(WebPlugin::default()).boot().await?;
/// let client = running.try_get::<State<Web>>()?.client();
/// let response = client.post("/notes").json(&serde_json::json!({ "text": "milk" })).await;
/// response.assert_status(201).assert_header("location", "/notes/7");
/// response.assert_json(serde_json::json!({ "id": 7, "text": "milk" }));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is the response only if the handler returns it"]
pub struct Created<R> {
    location: String,
    response: R,
}

impl<R> Created<R> {
    /// Adds the place of what was created to a response: `Json(note)`, or `()` for one without a body.
    ///
    /// The place is a path of the service, `/notes/7`, or a whole URI. It is sent as it is: encode what comes from
    /// clients. One that can't be a header, because of a line break for example, is a 500.
    pub fn at(location: impl Into<String>, response: R) -> Self {
        let location = location.into();
        Self { location, response }
    }
}

impl<R: IntoResponse> IntoResponse for Created<R> {
    fn into_response(self) -> Response {
        let mut response = self.response.into_response();
        if !response.status().is_success() {
            return response;
        }
        match HeaderValue::try_from(self.location) {
            Ok(location) => response.headers_mut().insert(header::LOCATION, location),
            Err(error) => return Problem::from(error).into_response(),
        };
        *response.status_mut() = StatusCode::CREATED;
        response
    }
}

#[cfg(feature = "openapi")]
impl<R: crate::OperationOutput> crate::OperationOutput for Created<R> {
    fn describe(operation: &mut crate::Operation) {
        operation.status("201").response_header("location");
        R::describe(operation);
    }
}
