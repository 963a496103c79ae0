use bootstrap::prelude::*;
use bootstrap_tests_provider::{Center, Hub};

#[plugin(child_of = Hub)]
struct Spokes {
    center: State<Center>,
}

impl Hooks for Spokes {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
