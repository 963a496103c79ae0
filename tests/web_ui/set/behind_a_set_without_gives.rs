use bootstrap_web::prelude::*;

#[routes]
fn sessions() -> impl RouteSet {
    Routes::new().before_handle(|| {})
}

#[routes]
fn orders() -> impl RouteSet {
    Routes::behind::<Sessions>().get("/orders", || async { "orders" })
}

fn main() {}
