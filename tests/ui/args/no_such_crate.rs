use bootstrap::prelude::*;

#[plugin(crate = nowhere::inner)]
struct Server {
    #[option]
    port: u16,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
