use bootstrap_web::prelude::*;

async fn add(_name: Json<String>, _text: String) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().post("/", add)
}

fn main() {}
