use bootstrap_web::prelude::*;

struct Sessions;

#[routes]
fn orders() -> impl RouteSet {
    Routes::behind::<Sessions>().get("/orders", || async { "orders" })
}

fn main() {}
