use std::cell::Cell;

use bootstrap::prelude::*;

struct Counter(Cell<u32>);

#[plugin(states = [Counter])]
struct Counting;

impl Hooks for Counting {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Counter> {
        Ok(Counter(Cell::new(0)))
    }
}

fn main() {}
