//! A list without the provider of a state names it, and who needs it.

use std::sync::Arc;

use bootstrap::prelude::*;
use bootstrap::plugins;

pub trait Mailer: Send + Sync {}

struct Sends;

impl Mailer for Sends {}

#[plugin(ports = [dyn Mailer])]
struct Smtp;

impl Hooks for Smtp {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Sends))
    }
}

struct Pool;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
struct Api {
    pool: State<Pool>,
    mailer: Port<dyn Mailer>,
}

impl Hooks for Api {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct Reports {
    pool: State<Pool>,
}

impl Hooks for Reports {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = App::of(plugins![Api, Reports, Smtp]);
}
