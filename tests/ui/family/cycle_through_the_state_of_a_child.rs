use bootstrap::prelude::*;

struct Table;
struct Pages;

#[plugin]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// Its state is needed by `Docs`, which makes what it needs.
#[plugin(states = [Table], child_of = Server)]
struct Routes {
    pages: State<Pages>,
}

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
