use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Database;

fn main() {}
