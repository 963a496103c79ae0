use bootstrap::prelude::*;
use bootstrap_tests_provider::Numbers;

#[plugin(states = [Numbers])]
struct MoreNumbers;

impl Hooks for MoreNumbers {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Numbers> {
        Ok(Numbers(Vec::new()))
    }
}

fn main() {}
