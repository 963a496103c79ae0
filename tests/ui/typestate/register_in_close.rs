use bootstrap::prelude::*;

#[plugin]
struct Server;

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.register(Server);
        Ok(())
    }
}

fn main() {}
