use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Postgres;

impl Hooks for Postgres {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin(states = [Pool])]
struct Sqlite;

impl Hooks for Sqlite {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {}
