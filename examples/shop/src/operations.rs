//! The page for operators: jobs, schedules and processes.

use bootstrap_services::operations::{self, Operator};
use bootstrap_web::prelude::*;

#[routes(name = "operations", management)]
fn operators() -> impl RouteSet {
    Routes::new()
        .before_handle(operator)
        .nest("/operations", operations::page)
}

/// Whoever reaches the listener for management is an operator. Without such a hook, the page does not compile.
async fn operator() -> Give<Operator> {
    Give(Operator::new("the operator"))
}
