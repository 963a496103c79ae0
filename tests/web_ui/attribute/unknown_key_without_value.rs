use bootstrap_web::prelude::*;

#[routes(hooks)]
fn api() -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
