use bootstrap_web::prelude::*;

use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;

async fn report(_problem: Arc<Problem>) {
    let name = Rc::new(String::new());
    ready(()).await;
    drop(name);
}

#[routes]
fn api() -> impl RouteSet {
    Routes::new().on_error(report).get("/", || async { "rows" })
}

fn main() {}
