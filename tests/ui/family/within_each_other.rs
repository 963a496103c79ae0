use bootstrap::prelude::*;

#[plugin(within = Right)]
struct Left;

impl Hooks for Left {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(within = Left)]
struct Right;

impl Hooks for Right {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
