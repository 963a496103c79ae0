//! A predicate says yes or no.

use bootstrap::prelude::*;

fn how_much() -> u32 {
    3
}

#[plugin(enabled = how_much)]
struct Plugin;

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
