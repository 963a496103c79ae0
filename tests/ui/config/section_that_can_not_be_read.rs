//! A section has to say how it is read.


#[bootstrap::section("database")]
struct Database;


fn main() {}
