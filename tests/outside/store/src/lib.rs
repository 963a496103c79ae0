//! Nothing of this crate is named by the application but `Pool`, in a field.

use bootstrap::prelude::*;

pub struct Config(pub u32);

#[plugin(states = [Config])]
struct ConfigPlugin;

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config(5))
    }
}

pub struct Pool(pub u32);

#[plugin(states = [Pool])]
struct Database {
    config: State<Config>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool(self.config.0))
    }
}
