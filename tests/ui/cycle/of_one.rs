use bootstrap::prelude::*;

struct Mirror;

#[plugin(states = [Mirror])]
struct Narcissus {
    mirror: State<Mirror>,
}

impl Hooks for Narcissus {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Mirror> {
        Ok(Mirror)
    }
}

fn main() {}
