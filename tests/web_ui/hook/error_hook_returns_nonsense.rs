use bootstrap_web::prelude::*;

use std::sync::Arc;

async fn report(_problem: Arc<Problem>) -> bool {
    true
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().on_error(report).get("/", || async { "rows" })
}

fn main() {}
