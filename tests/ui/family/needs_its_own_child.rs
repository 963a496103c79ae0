//! Fields are bound before a plugin can register anything.

use bootstrap::prelude::*;

struct Table;

#[plugin]
struct Server {
    table: State<Table>,
}

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

fn main() {}
