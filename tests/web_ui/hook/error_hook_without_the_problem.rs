use bootstrap_web::prelude::*;

async fn report() {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().on_error(report).get("/", || async { "rows" })
}

fn main() {}
