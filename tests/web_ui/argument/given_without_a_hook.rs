use bootstrap_web::prelude::*;

struct User(String);

async fn me(_uri: Uri, user: Given<User>, _body: String) -> String {
    user.0.clone()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().post("/me", me)
}

fn main() {}
