use bootstrap_web::prelude::*;

struct Db;

async fn list(_uri: Uri, _db: Db) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
