use bootstrap::prelude::*;

struct NoDefault;

#[plugin]
struct Server {
    #[option]
    thing: NoDefault,
    #[option(default = "text")]
    number: u32,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
