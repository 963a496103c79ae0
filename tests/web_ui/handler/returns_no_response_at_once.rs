use bootstrap_web::prelude::*;

struct Row;

fn list() -> Row {
    Row
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
