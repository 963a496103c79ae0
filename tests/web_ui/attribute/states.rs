use bootstrap_web::prelude::*;

#[routes(states = [String])]
fn api() -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
