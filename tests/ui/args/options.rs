use bootstrap::prelude::*;

#[plugin(collect = never)]
struct Server {
    #[option(8)]
    workers: u32,
    #[option("0.0.0.0")]
    host: &'static str,
    #[option(required = true)]
    port: u16,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
