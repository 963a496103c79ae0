use bootstrap_web::prelude::*;

#[routes]
fn api(page: usize) -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
