use bootstrap::prelude::*;

struct Address;

#[plugin(states = [Address], children = [Routes])]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Address> {
        Ok(Address)
    }
}

#[plugin(collect = never)]
struct Routes {
    address: State<Address>,
}

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
