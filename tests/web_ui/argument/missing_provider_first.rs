use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

struct Db;

async fn list(_db: State<Db>, _uri: Uri, _method: Method) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
