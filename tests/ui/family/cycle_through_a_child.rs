use bootstrap::prelude::*;

struct Address;
struct Pages;

#[plugin(states = [Address])]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Address> {
        Ok(Address)
    }
}

/// Needs what waits for its parent.
#[plugin(child_of = Server)]
struct Routes {
    pages: State<Pages>,
}

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(states = [Pages])]
struct Docs {
    address: State<Address>,
}

impl Hooks for Docs {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pages> {
        Ok(Pages)
    }
}

fn main() {}
