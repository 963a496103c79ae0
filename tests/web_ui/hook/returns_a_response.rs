use bootstrap_web::prelude::*;

async fn check(_uri: Uri) -> StatusCode {
    StatusCode::OK
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(check).get("/", || async { "rows" })
}

fn main() {}
