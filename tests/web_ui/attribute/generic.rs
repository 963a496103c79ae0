use bootstrap_web::prelude::*;

#[routes]
fn api<T>() -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
