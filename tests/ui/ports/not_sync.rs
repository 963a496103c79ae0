//! What a port holds is shared between threads: its trait says so.

use std::sync::Arc;

use bootstrap::prelude::*;

trait Mailer {}

#[plugin(ports = [dyn Mailer])]
struct Smtp;

impl Hooks for Smtp {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        unimplemented!()
    }
}

trait Clock {}

#[plugin]
struct Tower {
    clock: Port<dyn Clock>,
}

impl Hooks for Tower {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
