use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Database(#[cfg(all())] #[option] u32, #[option] u32);

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
struct Server {
    #[cfg_attr(all(), option(default = 8))]
    pool: State<Pool>,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
