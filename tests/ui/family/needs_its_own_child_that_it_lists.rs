use bootstrap::prelude::*;

struct Table;

#[plugin(children = [Routes])]
struct Server {
    table: State<Table>,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [Table], collect = never)]
struct Routes;

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
        Ok(Table)
    }
}

fn main() {}
