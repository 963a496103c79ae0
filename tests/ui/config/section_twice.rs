//! A type is one section.


#[derive(serde::Deserialize)]
#[bootstrap::section("replica")]
#[bootstrap::section("database")]
struct Database;


fn main() {}
