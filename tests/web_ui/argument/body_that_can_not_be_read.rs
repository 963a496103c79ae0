use bootstrap_web::prelude::*;

struct Row;

async fn add(_row: Json<Row>) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().post("/", add)
}

fn main() {}
