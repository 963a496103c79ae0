//! A slip in the name of the argument.

use bootstrap::prelude::*;

#[plugin]
struct Plugin {
    #[option(confg = "size")]
    size: u32,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
