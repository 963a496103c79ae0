//! A type is one section.


#[derive(serde::Deserialize)]
struct Database;

bootstrap::section!(Database = "database");
bootstrap::section!(Database = "replica");

fn main() {}
