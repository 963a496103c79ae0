use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

struct Db;

async fn list(_uri: Uri, _method: Method, _db: State<Db>) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
