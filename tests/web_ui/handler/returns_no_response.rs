use bootstrap_web::prelude::*;

struct Row;

async fn list(_uri: Uri) -> Row {
    Row
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
