//! What switches a plugin is a function or a key.

use bootstrap::prelude::*;

#[plugin(enabled = 3)]
struct Number;

impl Hooks for Number {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(enabled = ("mail.enabled", 1))]
struct Pair;

impl Hooks for Pair {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(enabled)]
struct Nothing;

impl Hooks for Nothing {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
