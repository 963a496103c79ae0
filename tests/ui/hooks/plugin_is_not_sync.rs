use std::cell::Cell;

use bootstrap::prelude::*;

#[plugin]
struct Counter {
    #[local]
    count: Cell<u32>,
}

impl Hooks for Counter {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
