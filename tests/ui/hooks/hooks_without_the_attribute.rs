use bootstrap::prelude::*;

struct Plain;

impl Hooks for Plain {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

struct Closing;

impl Hooks for Closing {
    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        Ok(())
    }
}

fn main() {}
