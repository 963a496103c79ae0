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

trait Mailer: Send + Sync {}

#[plugin]
struct Database {
    shared: State<Arc<Config>>,
    maybe: State<Option<Config>>,
    late: Lazy<State<State<Config>>>,
    mailer: State<Arc<dyn Mailer>>,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _: (&Config, bool) = (&self.shared, self.maybe.is_some());
        Ok(())
    }
}

fn main() {}
