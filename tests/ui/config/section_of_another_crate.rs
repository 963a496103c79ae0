//! A section is a type of this crate.


bootstrap::section!(Vec<u8> = "list");

fn main() {}
