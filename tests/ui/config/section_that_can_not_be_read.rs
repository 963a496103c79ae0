//! A section has to say how it is read.


struct Database;

bootstrap::section!(Database = "database");

fn main() {}
