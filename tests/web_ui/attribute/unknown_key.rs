use bootstrap_web::prelude::*;

#[routes(prefix = "/api")]
fn api() -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
