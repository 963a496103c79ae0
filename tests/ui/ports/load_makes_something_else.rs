//! `load` returns its states, then what it provides at its ports.

use std::sync::Arc;

use bootstrap::prelude::*;

trait Mailer: Send + Sync {}

struct Sends;

impl Mailer for Sends {}

#[plugin(ports = [dyn Mailer])]
struct NotShared;

impl Hooks for NotShared {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Sends> {
        Ok(Sends)
    }
}

struct Pool;

#[plugin(states = [Pool], ports = [dyn Mailer])]
struct WrongOrder;

impl Hooks for WrongOrder {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Arc<dyn Mailer>, Pool)> {
        Ok((Arc::new(Sends), Pool))
    }
}

struct Broken;

#[plugin(ports = [dyn Mailer])]
struct NotImplemented;

impl Hooks for NotImplemented {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Broken))
    }
}

fn main() {}
