use bootstrap::prelude::*;

struct Plain;

impl Hooks for Plain {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
