//! A section is a type of this crate: an alias would say so of another one.

#[bootstrap::section("list")]
type List = Vec<u8>;

fn main() {}
