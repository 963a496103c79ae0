use std::sync::Arc;

use bootstrap::prelude::*;

struct Config;

#[plugin(states = [Config])]
struct ConfigPlugin;

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config)
    }
}

#[plugin]
struct Database {
    config: State<Arc<Config>>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
