use bootstrap_web::prelude::*;

async fn add(_name: Json<String>, _uri: Uri) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().post("/", add)
}

fn main() {}
