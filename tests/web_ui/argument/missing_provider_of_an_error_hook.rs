use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

use std::sync::Arc;

struct Db;

async fn report(_problem: Arc<Problem>, _db: State<Db>) {}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().on_error(report).get("/", || async { "rows" })
}

fn main() {}
