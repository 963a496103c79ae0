use bootstrap_web::prelude::*;

#[routes(name = api)]
fn api() -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
