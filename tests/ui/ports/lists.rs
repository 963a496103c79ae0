//! What stands in `ports` is the type behind the handle, each once.

use std::sync::Arc;

use bootstrap::prelude::*;

trait Mailer: Send + Sync {}

#[plugin(ports = [Arc<dyn Mailer>])]
struct SharedAlready;

impl Hooks for SharedAlready {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        unimplemented!()
    }
}

#[plugin(ports = [Port<dyn Mailer>])]
struct AsOthersAsk;

impl Hooks for AsOthersAsk {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        unimplemented!()
    }
}

#[plugin(ports = [dyn Mailer, u8, dyn Mailer], primary = "yes")]
struct Twice;

impl Hooks for Twice {
    async fn load(
        &mut self,
        _: &mut LoadContext,
    ) -> Result<(Arc<dyn Mailer>, Arc<u8>, Arc<dyn Mailer>)> {
        unimplemented!()
    }
}

#[plugin(ports = ["Mailer"])]
struct Quoted;

impl Hooks for Quoted {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        unimplemented!()
    }
}

fn main() {}
