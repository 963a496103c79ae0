use bootstrap_web::prelude::*;

struct User(String);

async fn authenticate() -> Give<User> {
    Give(User("ada".to_owned()))
}

async fn me(user: Given<User>) -> String {
    user.0.clone()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/me", me).before_handle(authenticate)
}

fn main() {}
