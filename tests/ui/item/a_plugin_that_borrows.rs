use bootstrap::prelude::*;

#[plugin(collect = false)]
struct Borrower<'a> {
    #[option(required)]
    text: &'a str,
}

fn main() {}
