use bootstrap::prelude::*;

struct Pool;

#[plugin(name = "database" states = [Pool] load_timeout = "5s")]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {}
