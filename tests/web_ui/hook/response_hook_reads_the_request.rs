use bootstrap_web::prelude::*;

async fn add_header(response: Response, _uri: Uri) -> Response {
    response
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_response(add_header).get("/", || async { "rows" })
}

fn main() {}
