use bootstrap_web::prelude::*;

async fn add_header(_request: Request) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_response(add_header).get("/", || async { "rows" })
}

fn main() {}
