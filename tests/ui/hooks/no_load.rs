use bootstrap::prelude::*;

#[plugin]
struct Lazy;

impl Hooks for Lazy {
    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        Ok(())
    }
}

fn main() {}
