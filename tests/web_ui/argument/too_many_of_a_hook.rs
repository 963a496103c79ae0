use bootstrap_web::prelude::*;

type U = Uri;

async fn check(_1: U, _2: U, _3: U, _4: U, _5: U, _6: U, _7: U, _8: U, _9: U) {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(check).get("/", || async { "rows" })
}

fn main() {}
