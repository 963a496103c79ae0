use bootstrap::prelude::*;
use bootstrap_tests_provider::Nobodys;

#[plugin]
struct Reader {
    state: State<Nobodys>,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
