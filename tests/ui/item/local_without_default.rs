use std::time::Instant;

use bootstrap::prelude::*;

#[plugin]
struct Server {
    #[local]
    since: Instant,
}

impl Hooks for Server {}

fn main() {}
