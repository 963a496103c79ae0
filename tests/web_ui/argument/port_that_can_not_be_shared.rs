use bootstrap::prelude::*;
use bootstrap_web::prelude::*;

trait Mailer {}

async fn send(_mailer: Port<dyn Mailer>) -> String {
    String::new()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().post("/", send)
}

fn main() {}
