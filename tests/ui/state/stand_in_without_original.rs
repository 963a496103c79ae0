use bootstrap::prelude::*;

struct Pool;

#[plugin]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [Pool], replaces = Database)]
struct Fake;

impl Hooks for Fake {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {}
