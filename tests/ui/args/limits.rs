use bootstrap::prelude::*;

#[plugin(load_timeout = "0s", close_timeout = "1.5s")]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(after = [Self, Server])]
struct Late;

impl Hooks for Late {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
