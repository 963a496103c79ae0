use bootstrap_web::prelude::*;
use bootstrap_web::Validated;

#[derive(serde::Deserialize)]
struct Row {}

async fn add(_row: Validated<Query<Row>>, _uri: Uri) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().post("/", add)
}

fn main() {}
