use bootstrap_web::prelude::*;

struct User;

#[routes(gives = [User])]
fn sessions() -> impl RouteSet {
    Routes::new().before_handle(|| {})
}

fn main() {}
