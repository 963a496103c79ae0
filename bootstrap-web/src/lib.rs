//! Routes as plugins of `bootstrap`: what a handler requires is its arguments, proven at compile time and
//! visible in the graph.
#![forbid(unsafe_code)]

mod builtin;
#[cfg(any(doc, doctest))]
pub mod guide;
mod handle;
mod pipeline;
mod problem;
mod routes;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;
mod validated;
#[cfg(any(feature = "cors", feature = "files", feature = "server"))]
mod values;
mod web;

#[doc(hidden)]
pub mod __private;

pub mod prelude {
    //! The imports of a file with routes. Use it beside `bootstrap::prelude`.

    pub use axum::Json;
    pub use axum::body::Body;
    pub use axum::extract::{Form, Path, Query, Request};
    pub use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
    pub use axum::response::{Html, IntoResponse, NoContent, Response};

    pub use crate::{
        Answer, Bearer, Created, Draining, Give, Given, OrNotFound, Problem, RequestContext,
        RouteSet, Routes, Validated, Web, WebPlugin, routes,
    };
}

pub use axum;
/// For implementations of [`HealthCheck`].
pub use bootstrap::extend::async_trait;
pub use bootstrap::health::HealthCheck;
/// Makes a plugin of a function that returns a set of routes.
///
/// `#[routes] fn user_api() -> impl RouteSet` declares the plugin `UserApi`, which is collected. Its
/// requirements are the arguments of its handlers and hooks. The function is called when an app is
/// planned, and again when it boots: it must list the same routes each time.
///
/// | argument | meaning |
/// |---|---|
/// | `name`, `collect`, `after`, `enabled`, `child_of`, `replaces`, `load_timeout` | as in [`#[plugin]`](macro@bootstrap::plugin) |
/// | `gives = [User]` | other sets may be [behind](Routes::behind) the hooks of this one, which give these types, in this order |
/// | `global` | the hooks at the end of this set apply to the routes of all other sets, in the order of the plan |
/// | `management` | this set is for operators: see [`BoundRoutes::management`] |
///
/// # Examples
///
/// ```
/// use bootstrap_web::prelude::*;
///
/// #[routes(name = "api")]
/// fn api() -> impl RouteSet {
///     Routes::new().get("/", || async { "hello" })
/// }
///
/// // The plugin.
/// let _ = bootstrap::App::new().with(Api::default());
/// ```
pub use bootstrap_web_macros::routes;
#[cfg(feature = "compression")]
pub use builtin::Compression;
#[cfg(feature = "cors")]
pub use builtin::Cors;
#[cfg(feature = "files")]
pub use builtin::Files;
#[cfg(feature = "openapi")]
pub use builtin::OpenApi;
pub use builtin::{
    AccessLog, Bearer, ClientIp, Created, Health, Proxies, ProxiesPlugin, RequestId, TrustedProxy,
    Verbose,
};
pub use handle::{
    AfterHook, Answer, Argument, BeforeHook, Draining, ErrorAnswer, ErrorHook, Give, Given,
    Handler, HookAnswer, OnlyOneHookMayGive, RequestContext,
};
#[cfg(feature = "openapi")]
pub use handle::{
    Described, Operation, OperationInput, OperationOutput, ResponsePart, operation, plain_operation,
};
pub use problem::{Format, OrNotFound, Problem};
pub use routes::{
    BoundRoutes, HooksOf, RouteInfo, RouteSet, RouteTable, Routes, SetPlugin, requirements_of,
};
pub use validated::{Check, Issues, Source, Validated};
pub use web::{Readiness, Web, WebFuture, WebLayer, WebPlugin, WebService};
