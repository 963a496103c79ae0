use bootstrap::prelude::*;

struct Config;

#[plugin]
struct Database {
    config: State<Config>,
    maybe: Option<State<Config>>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
