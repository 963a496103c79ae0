use bootstrap_web::prelude::*;

use std::future::ready;
use std::rc::Rc;

async fn list(_uri: Uri) -> String {
    let name = Rc::new(String::new());
    ready(()).await;
    name.to_string()
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().get("/", list)
}

fn main() {}
