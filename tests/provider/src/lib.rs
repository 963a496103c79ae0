//! Provides a state. Whoever links this crate names nothing of it but the state.

use bootstrap::prelude::*;

/// Where the numbers come from.
#[derive(Debug)]
pub struct Source(pub u32);

/// What is read from the source.
#[derive(Debug)]
pub struct Numbers(pub Vec<u32>);

#[plugin(name = "source", states = [Source])]
struct SourcePlugin {
    #[option(default = 3)]
    count: u32,
}

impl Hooks for SourcePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Source> {
        Ok(Source(self.count))
    }
}

#[plugin(name = "numbers", states = [Numbers])]
struct NumbersPlugin {
    source: State<Source>,
}

impl Hooks for NumbersPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Numbers> {
        Ok(Numbers((0..self.source.0).collect()))
    }
}

/// A state that nobody provides.
#[derive(Debug)]
pub struct Nobodys;
