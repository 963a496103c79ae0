use bootstrap::prelude::*;

#[plugin(children = [Rotes])]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
