//! A trait is no type without `dyn`.

use std::sync::Arc;

use bootstrap::prelude::*;

trait Mailer: Send + Sync {}

#[plugin(ports = [Mailer])]
struct Smtp;

impl Hooks for Smtp {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        unimplemented!()
    }
}

fn main() {}
