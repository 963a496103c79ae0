//! What is read has to say how.

use bootstrap::prelude::*;

struct Size(u32);

#[plugin]
struct Plugin {
    #[option(config = "size")]
    size: Size,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
