use bootstrap_web::prelude::*;

use std::future::ready;
use std::rc::Rc;

async fn check(_uri: Uri) {
    let name = Rc::new(String::new());
    ready(()).await;
    drop(name);
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().before_handle(check).get("/", || async { "rows" })
}

fn main() {}
