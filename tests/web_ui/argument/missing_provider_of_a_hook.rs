use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

struct Db;

async fn authenticate(_uri: Uri, _db: State<Db>) {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(authenticate).get("/", || async { "rows" })
}

fn main() {}
