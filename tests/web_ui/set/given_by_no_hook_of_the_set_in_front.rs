use bootstrap_web::prelude::*;

struct User;
struct Tenant;

#[routes(gives = [User])]
fn sessions() -> impl RouteSet {
    Routes::new().before_handle(|| Give(User))
}

async fn list(_tenant: Given<Tenant>) -> String {
    String::new()
}

#[routes]
fn orders() -> impl RouteSet {
    Routes::behind::<Sessions>().get("/orders", list)
}

fn main() {}
