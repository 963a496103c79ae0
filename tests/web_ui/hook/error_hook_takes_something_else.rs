use bootstrap_web::prelude::*;

async fn report(_problem: Problem) {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().on_error(report).get("/", || async { "rows" })
}

fn main() {}
