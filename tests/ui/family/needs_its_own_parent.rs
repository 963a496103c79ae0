//! A parent has loaded when its children have.

use bootstrap::prelude::*;

struct Address;

#[plugin(states = [Address])]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Address> {
        Ok(Address)
    }
}

#[plugin(child_of = Server)]
struct Routes {
    address: State<Address>,
}

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
