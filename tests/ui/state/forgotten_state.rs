use std::sync::Arc;

use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
struct Server {
    pool: Pool,
    shared: Arc<Pool>,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
