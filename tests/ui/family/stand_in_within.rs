use bootstrap::prelude::*;

struct Table;

#[plugin(collect = never)]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [Table], child_of = Server)]
struct Routes;

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
        Ok(Table)
    }
}

#[plugin(states = [Table], replaces = Routes, child_of = Server)]
struct FakeRoutes;

impl Hooks for FakeRoutes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
        Ok(Table)
    }
}

fn main() {}
