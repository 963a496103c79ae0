use bootstrap::prelude::*;

#[plugin(collect = never)]
struct Borrower<'a> {
    #[option(required)]
    text: &'a str,
}

fn main() {}
