//! A predicate that is not there.

use bootstrap::prelude::*;

#[plugin(enabled = is_wanted)]
struct Plugin;

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
