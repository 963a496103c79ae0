//! A plugin that nobody needs: only `link!` keeps it in a binary.

use bootstrap::prelude::*;

#[plugin(name = "leaf")]
struct Leaf;

impl Hooks for Leaf {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}
