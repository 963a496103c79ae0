use bootstrap_web::prelude::*;

struct User;

async fn authenticate() -> Give<User> {
    Give(User)
}

async fn session() -> Result<Give<User>, Problem> {
    Ok(Give(User))
}

async fn me(_user: Given<User>) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new()
        .before_handle(authenticate)
        .before_handle(session)
        .get("/me", me)
}

fn main() {}
