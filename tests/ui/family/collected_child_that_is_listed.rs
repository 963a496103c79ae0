use bootstrap::prelude::*;

#[plugin(children = [Routes])]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct Routes;

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
