use bootstrap::prelude::*;

struct Routes;

#[plugin(children = [Routes])]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
