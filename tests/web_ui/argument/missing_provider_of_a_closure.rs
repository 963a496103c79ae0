use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

struct Db;

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", |_db: State<Db>| async { "rows" })
}

fn main() {}
