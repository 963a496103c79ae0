use bootstrap_web::prelude::*;

struct User(String);

async fn authenticate() -> Give<User> {
    Give(User("ada".to_owned()))
}

async fn admit(_user: Given<User>) {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(admit).before_handle(authenticate)
}

fn main() {}
