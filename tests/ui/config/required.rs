//! What is read is required anyway.

use bootstrap::prelude::*;

#[plugin(collect = never)]
struct Plugin {
    #[option(config = "size", required)]
    size: u32,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
