use bootstrap::prelude::*;

#[plugin(child_of = Inner)]
struct Inner;

impl Hooks for Inner {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(child_of = Self)]
struct Again;

impl Hooks for Again {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
