use bootstrap_web::prelude::*;

#[routes]
fn api() -> String {
    String::new()
}

fn main() {}
