use bootstrap::prelude::*;

struct Pool;
struct Cache;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Cache> {
        Ok(Cache)
    }
}

#[plugin(states = [Cache])]
struct Forgetful;

impl Hooks for Forgetful {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
