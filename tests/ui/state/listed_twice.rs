use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool, Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Pool, Pool)> {
        Ok((Pool, Pool))
    }
}

fn main() {}
