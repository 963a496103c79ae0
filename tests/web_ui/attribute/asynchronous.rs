use bootstrap_web::prelude::*;

#[routes]
async fn api() -> impl RouteSet {
    Routes::new().get("/", || async { "rows" })
}

fn main() {}
