use bootstrap_web::prelude::*;

struct Api;

impl Api {
    #[routes]
    fn api(&self) -> impl RouteSet {
        Routes::new().get("/", || async { "rows" })
    }
}

fn main() {}
