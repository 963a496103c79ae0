use bootstrap::prelude::*;

#[plugin(states = [Pol], after = [Migration])]
struct Database {
    config: State<Confg>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
