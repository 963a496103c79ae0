use bootstrap_web::prelude::*;

async fn list() -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list())
}

fn main() {}
