use bootstrap::prelude::*;

#[plugin(children = [Outer])]
struct Outer;

impl Hooks for Outer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(children = [Self])]
struct Again;

impl Hooks for Again {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
