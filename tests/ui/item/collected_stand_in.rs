use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin(states = [Pool], replaces = Database, collect = needed)]
struct Fake;

impl Hooks for Fake {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {}
