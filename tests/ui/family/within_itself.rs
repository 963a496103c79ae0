use bootstrap::prelude::*;

#[plugin(within = Inner)]
struct Inner;

impl Hooks for Inner {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(within = Self)]
struct Again;

impl Hooks for Again {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
