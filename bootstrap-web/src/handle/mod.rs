//! Handlers and their arguments: what each requires of the app, of the hooks in front of it, and of
//! the request.

mod answer;
mod argument;
mod call;
mod context;
mod draining;
mod exchange;
mod given;
mod handler;
mod hook;
mod in_flight;
mod listener;
mod needs;
#[cfg(feature = "openapi")]
mod operation;
mod surroundings;

pub use answer::{Answer, ErrorAnswer, HookAnswer};
pub use argument::Argument;
pub use context::RequestContext;
pub use draining::Draining;
pub use given::{Give, Given, OnlyOneHookMayGive};
pub use handler::Handler;
pub use hook::{AfterHook, BeforeHook, ErrorHook};
#[cfg(feature = "openapi")]
pub use operation::{
    Described, Operation, OperationInput, OperationOutput, ResponsePart, operation, plain_operation,
};

pub(crate) use argument::{Available, LeavesBody, in_the_other_way};
pub(crate) use exchange::{Exchange, Lent};
pub(crate) use handler::{AnyHandler, Unbound, unbound};
pub(crate) use hook::{AnyAfter, AnyBefore, AnyError, after, before, on_error};
#[cfg(feature = "server")]
pub(crate) use in_flight::ServerLimits;
pub(crate) use in_flight::{ByServer, RouteCount};
pub(crate) use listener::{Listener, Reach};
pub(crate) use needs::{Needs, Taker, function_name, short_type_name};
#[cfg(feature = "openapi")]
pub(crate) use operation::{Answered, Content, SchemaOf};
