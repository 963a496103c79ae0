//! Routes as plugins of `bootstrap`: what a handler requires is its arguments, proven at compile time and
//! visible in the graph.
#![forbid(unsafe_code)]

mod handle;
mod pipeline;
mod problem;
mod routes;
mod web;

#[doc(hidden)]
pub mod __private;

pub mod prelude {
    //! The imports of a file with routes. Use it beside `bootstrap::prelude`.

    pub use axum::Json;
    pub use axum::body::Body;
    pub use axum::extract::{Form, Path, Query, Request};
    pub use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
    pub use axum::response::{Html, IntoResponse, Response};

    pub use crate::{
        Give, Given, Problem, RequestContext, RouteSet, Routes, Web, WebPlugin, routes,
    };
}

pub use axum;
pub use bootstrap_web_macros::routes;
pub use handle::{
    AfterHook, Answer, Argument, BeforeHook, ErrorAnswer, ErrorHook, Give, Given, Handler,
    LastArgument, OnlyOneHookMayGive, RequestContext,
};
pub use problem::{Format, Problem};
pub use routes::{
    BoundRoutes, GivesBehind, HooksOf, RouteInfo, RouteSet, RouteTable, Routes, requirements_of,
};
pub use web::{Web, WebFuture, WebPlugin};
