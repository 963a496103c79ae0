use bootstrap::prelude::*;

struct Table;
struct Pages;

/// Needs what waits for its child.
#[plugin]
struct Server {
    pages: State<Pages>,
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

#[plugin(states = [Pages])]
struct Docs {
    table: State<Table>,
}

impl Hooks for Docs {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pages> {
        Ok(Pages)
    }
}

fn main() {}
