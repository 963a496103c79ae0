use bootstrap::prelude::*;

const NAME: &str = "two words";

#[plugin(name = NAME)]
struct Database;

impl Hooks for Database {}

fn main() {}
