use bootstrap_web::prelude::*;

#[routes]
struct Api;

fn main() {}
