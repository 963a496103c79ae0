use bootstrap_web::prelude::*;

struct Row;

async fn replace(_response: Response) -> Row {
    Row
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_response(replace).get("/", || async { "rows" })
}

fn main() {}
