//! Planning: what is missing, double or circular, and the order of what is not.

/// Hooks that must never run while an app is planned.
macro_rules! never_loads {
    ($($plugin:ty => $state:ty),*) => {$(
        impl Hooks for $plugin {
            async fn load(&mut self, _: &mut LoadContext) -> Result<$state> {
                panic!("planning has no side effects")
            }
        }
    )*};
}

mod cycles;
mod mistakes;
mod order;
mod unused;

use bootstrap::prelude::*;
use bootstrap::{Mistake, Plan, PlanErrors, PluginName};

struct Config;
struct Pool;
struct Cache;
struct Settings;
bootstrap::supplied!(Settings);

#[plugin(name = "config", states = [Config])]
struct ConfigPlugin {
    settings: Option<State<Settings>>,
}

#[plugin(name = "database", states = [Pool])]
struct Database {
    config: State<Config>,
}

#[plugin(name = "cache", states = [Cache], collect = false)]
struct CachePlugin {
    #[option(required)]
    #[expect(dead_code, reason = "planning reads no option")]
    size: usize,
    config: State<Config>,
}

#[plugin(name = "api")]
struct Api {
    pool: State<Pool>,
    cache: State<Cache>,
    settings: State<Settings>,
}

#[plugin(name = "needs-settings")]
struct NeedsSettings {
    settings: State<Settings>,
}

never_loads!(ConfigPlugin => Config, Database => Pool, CachePlugin => Cache, Api => (), NeedsSettings => ());

fn names<'a>(names: impl IntoIterator<Item = &'a PluginName>) -> Vec<String> {
    names.into_iter().map(PluginName::to_string).collect()
}

fn order(plan: &Plan) -> Vec<String> {
    names(plan.order().map(|plugin| plugin.name()).collect::<Vec<_>>())
}

fn messages(errors: &PlanErrors) -> Vec<String> {
    errors.errors().iter().map(Mistake::to_string).collect()
}
