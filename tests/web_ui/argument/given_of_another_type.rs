use bootstrap_web::prelude::*;

struct Admin;

struct User(String);

async fn authenticate() -> Give<User> {
    Give(User("ada".to_owned()))
}

async fn me(_admin: Given<Admin>) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(authenticate).get("/me", me)
}

fn main() {}
