//! Each type that does not exist is reported once, wherever it stands.

use bootstrap::prelude::*;

#[plugin(states = [Pol], after = [Migration])]
struct Database {
    config: State<Confg>,
    maybe: Option<State<Cach>>,
    port: Port<dyn Maler>,
    stat: Stat<u8>,
    #[option]
    size: Sizng,
    #[option(default = Vec::new())]
    pub names: Vec<Nam>,
    #[local]
    memory: Vec<Byt>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
