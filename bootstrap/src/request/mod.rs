//! Request scopes: values of one request, or one job, that follow its futures.
//!
//! Knows nothing of HTTP. A scope is opened from an app that runs, holds values by their types, and
//! is entered by a future.

mod scope;
mod state;
mod values;

pub use scope::{Entered, RequestScope};
pub use state::RequestState;
