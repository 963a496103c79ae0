//! Memory of a plugin is not read from a configuration.

use bootstrap::prelude::*;

#[plugin]
struct Plugin {
    #[local(config = "size")]
    size: u32,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
