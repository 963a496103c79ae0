use bootstrap::prelude::*;

#[plugin]
struct Server {
    port: u16,
    name: String,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
