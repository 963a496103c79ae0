use bootstrap_web::prelude::*;

type U = Uri;

async fn list(_1: U, _2: U, _3: U, _4: U, _5: U, _6: U, _7: U, _8: U, _9: U) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
