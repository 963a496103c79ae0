use bootstrap_web::prelude::*;

use std::rc::Rc;

#[routes]
fn api() -> impl RouteSet {
    let name = Rc::new(String::new());
    Routes::new().get("/", move || name.to_string())
}

fn main() {}
