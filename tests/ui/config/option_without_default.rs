//! A plugin whose options have no default has none either.

use bootstrap::prelude::*;

#[derive(serde::Deserialize)]
struct Size(u32);

#[plugin]
struct Plugin {
    #[option(config = "size")]
    size: Size,
}

impl Hooks for Plugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn app() -> App {
    App::new().with(Plugin::default())
}

fn main() {}
