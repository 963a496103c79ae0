//! A key is words with dots between them.

use bootstrap::prelude::*;

#[plugin(enabled = "")]
struct Plugin {
    #[option(config = "")]
    empty: u32,
    #[option(config = "database..size")]
    gap: u32,
    #[option(config = "database size")]
    space: u32,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
