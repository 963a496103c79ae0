use bootstrap_web::prelude::*;

#[routes]
fn api() {
    Routes::new().get("/", || async { "rows" });
}

fn main() {}
