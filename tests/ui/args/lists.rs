//! Each slip in a list is one error, and what is right in it stays.

use bootstrap::prelude::*;

struct Pool;
struct Metrics;
struct Cache;
struct Index;
struct Queue;

#[plugin(states = [Pool Metrics])]
struct ForgottenComma;

impl Hooks for ForgottenComma {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Pool, Metrics)> {
        Ok((Pool, Metrics))
    }
}

#[plugin(states = ["Cache"], after = ["forgotten-comma", ForgottenComma])]
struct Quoted;

impl Hooks for Quoted {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Cache> {
        Ok(Cache)
    }
}

#[plugin(states(Index))]
struct Parentheses {
    cache: State<Cache>,
}

impl Hooks for Parentheses {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Index> {
        Ok(Index)
    }
}

#[plugin(provides = [Queue], requires = [Pool], depends_on(Metrics))]
struct OtherWords {
    index: State<Index>,
}

impl Hooks for OtherWords {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Queue> {
        Ok(Queue)
    }
}

#[plugin(after = [Quoted; 3, 3, OtherWords])]
struct NotAType {
    queue: State<Queue>,
}

impl Hooks for NotAType {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
