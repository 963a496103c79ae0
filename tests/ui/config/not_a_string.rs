//! A key is a string.

use bootstrap::prelude::*;

#[plugin]
struct Number {
    #[option(config = 4)]
    size: u32,
}

impl Hooks for Number {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct Word {
    #[option(config = database.size, default = 3)]
    size: u32,
}

impl Hooks for Word {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct Nothing {
    #[option(config)]
    size: u32,
}

impl Hooks for Nothing {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
