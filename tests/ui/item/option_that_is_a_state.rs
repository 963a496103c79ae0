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
    #[option]
    pool: State<Pool>,
    #[local]
    cache: Option<bootstrap::State<Pool>>,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
