use bootstrap_web::prelude::*;

use bootstrap_web::axum::extract::State;

#[derive(Clone)]
struct Db;

async fn list(State(_db): State<Db>) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
