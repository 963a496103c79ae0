use bootstrap::prelude::*;

#[plugin]
#[derive(Debug)]
struct Server {
    #[optoin(default = 8)]
    workers: u32,
    #[opt]
    port: u16,
    #[locals]
    seen: u32,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
