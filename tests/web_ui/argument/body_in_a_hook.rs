use bootstrap_web::prelude::*;

async fn check(_uri: Uri, _name: Json<String>) {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(check).post("/", || async { "added" })
}

fn main() {}
