//! A handler with its description.

use std::borrow::Cow;
use std::fmt;

use crate::handle::answer::Reply;
use crate::handle::call::Call;
use crate::handle::operation::input::InputTuple;
use crate::handle::operation::{Operation, OperationInput, OperationOutput};

/// A handler with a description for the OpenAPI document: what [`operation`] and [`plain_operation`] return.
#[derive(Clone)]
#[must_use = "a handler does nothing unless it is added to a set of routes"]
pub struct Described<F> {
    handler: F,
    operation: Operation,
}

/// Describes a handler by its arguments and what it returns, for the OpenAPI document.
///
/// Bodies, queries, parameters of the path and responses get the schemas of their types, which derive
/// [`schemars::JsonSchema`]. **A type without a schema does not compile**: use [`plain_operation`], or no
/// description at all, for a handler with such types.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::operation;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct NewRow {
///     name: String,
/// }
///
/// #[derive(Serialize, JsonSchema)]
/// struct Row {
///     id: u32,
///     name: String,
/// }
///
/// async fn add(Json(new): Json<NewRow>) -> Result<(StatusCode, Json<Row>), Problem> {
///     Ok((StatusCode::CREATED, Json(Row { id: 1, name: new.name })))
/// }
///
/// #[routes(name = "rows")]
/// fn rows() -> impl RouteSet {
///     Routes::new().post("/rows", operation(add).summary("Adds a row").status(201))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Rows::default()).with(WebPlugin::default()).boot().await?;
/// let document = running.try_get::<State<Web>>()?.openapi("Rows", "1.0.0");
/// let post = &document["paths"]["/rows"]["post"];
/// assert_eq!(post["summary"], "Adds a row");
/// let schema = &post["responses"]["201"]["content"]["application/json"]["schema"];
/// assert_eq!(schema["$ref"], "#/components/schemas/Row");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # use bootstrap_web::prelude::*;
/// # use bootstrap_web::operation;
/// #[derive(serde::Deserialize)] // no `JsonSchema`
/// struct NewRow {
///     name: String,
/// }
///
/// async fn add(Json(new): Json<NewRow>) -> String {
///     new.name
/// }
///
/// #[routes]
/// fn rows() -> impl RouteSet {
///     Routes::new().post("/rows", operation(add))
/// }
/// ```
pub fn operation<F, A, K>(handler: F) -> Described<F>
where
    F: Call<A>,
    A: InputTuple,
    F::Output: Reply<K, Value: OperationOutput>,
{
    let mut operation = Operation {
        has_types: true,
        ..Operation::default()
    };
    A::describe_all(&mut operation);
    <F::Output as Reply<K>>::Value::describe(&mut operation);
    operation.end_response();
    Described { handler, operation }
}

/// Describes a handler with texts alone: for one that has arguments of other crates, which can't implement
/// [`OperationInput`], or types without a schema. Add those that have one with [`Described::input`] and
/// [`Described::output`].
///
/// # Examples
///
/// ```
/// use bootstrap_web::prelude::*;
/// use bootstrap_web::plain_operation;
/// # use serde::Serialize;
/// # use schemars::JsonSchema;
/// # #[derive(Serialize, JsonSchema)] struct Row { id: u32 }
///
/// async fn find(request: Request) -> Response {
///     Json(Row { id: 1 }).into_response()
/// }
///
/// #[routes]
/// fn rows() -> impl RouteSet {
///     let find = plain_operation(find).summary("Returns a row").input::<Path<u32>>().output::<Json<Row>>();
///     Routes::new().get("/rows/{id}", find)
/// }
/// ```
pub fn plain_operation<F>(handler: F) -> Described<F> {
    Described {
        handler,
        operation: Operation::default(),
    }
}

impl<F> Described<F> {
    /// Sets the short text of lists: "Adds a row".
    pub fn summary(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.operation.summary = Some(text.into());
        self
    }

    /// Sets the long text. It may be Markdown.
    pub fn description(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.operation.description = Some(text.into());
        self
    }

    /// Adds a tag, by which operations are grouped; the name of the plugin unless one is added.
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        self.operation.tags.push(tag.into());
        self
    }

    /// Sets the `operationId`, of which generators of clients make names; `plugin.handler` unless it is set.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.operation.id = Some(id.into());
        self
    }

    /// Marks the operation as deprecated.
    pub fn deprecated(mut self) -> Self {
        self.operation.is_deprecated = true;
        self
    }

    /// Leaves the operation out of the document.
    pub fn hidden(mut self) -> Self {
        self.operation.is_hidden = true;
        self
    }

    /// Sets the status of the successful response. Without it, it is that of the type: 200, or `2XX` with a
    /// [`StatusCode`](axum::http::StatusCode).
    pub fn status(mut self, status: u16) -> Self {
        let mut responses = self.operation.responses.iter_mut();
        if let Some(success) = responses.find(|it| it.status.starts_with('2')) {
            success.status = status.to_string().into();
        }
        self
    }

    /// Adds what an argument takes.
    pub fn input<E: OperationInput>(mut self) -> Self {
        self.operation.has_types = true;
        E::describe(&mut self.operation);
        self
    }

    /// Adds the response of a type.
    pub fn output<R: OperationOutput>(mut self) -> Self {
        self.operation.has_types = true;
        R::describe(&mut self.operation);
        self.operation.end_response();
        self
    }

    /// Adds the response of a type with a status, beside those that there are: `.response::<Json<Conflict>>(409)`.
    pub fn response<R: OperationOutput>(mut self, status: u16) -> Self {
        self.operation.has_types = true;
        self.operation.status(status.to_string());
        R::describe(&mut self.operation);
        self.operation.end_response();
        self
    }
}

/// It is called as the handler in it.
impl<F, A> Call<A> for Described<F>
where
    F: Call<A>,
{
    type Output = F::Output;

    fn call(&self, arguments: A) -> F::Output {
        self.handler.call(arguments)
    }

    fn operation(&self) -> Option<&Operation> {
        Some(&self.operation)
    }
}

impl<F> fmt::Debug for Described<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}
