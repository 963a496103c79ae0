use bootstrap_web::prelude::*;

use std::io;

async fn list() -> Result<String, io::Error> {
    Ok(String::new())
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
