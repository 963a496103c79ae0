use bootstrap_web::prelude::*;

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", "rows")
}

fn main() {}
