//! What is looked up later has to be provided all the same, and `Lazy` is around a handle.

use bootstrap::prelude::*;

struct Nobodys;

#[plugin]
struct NobodyProvides {
    nobodys: Lazy<State<Nobodys>>,
}

impl Hooks for NobodyProvides {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

struct Pool;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
struct WithoutTheHandle {
    pool: Lazy<Pool>,
}

impl Hooks for WithoutTheHandle {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
