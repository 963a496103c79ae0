//! Values of one request, or one job: isolated, and there for all code that it runs.

use bootstrap::RequestState;

mod isolation;
mod life;
mod values;

/// Who asks.
#[derive(Debug, PartialEq)]
struct User(u32);

static USER: RequestState<User> = RequestState::named("current user");
