use bootstrap::prelude::*;

#[plugin(child_of = Right)]
struct Left;

impl Hooks for Left {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(child_of = Left)]
struct Right;

impl Hooks for Right {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
