use bootstrap::prelude::*;

struct Server;

#[plugin(child_of = Server)]
struct Routes;

impl Hooks for Routes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
