use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
#[plugin(name = "database")]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

fn main() {}
