//! A registration has handles to the ports of its plugin, and to no others.

use std::sync::Arc;

use bootstrap::prelude::*;

trait Mailer: Send + Sync {}

#[plugin(ports = [dyn Mailer])]
struct Smtp;

impl Hooks for Smtp {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        unimplemented!()
    }
}

trait Fax: Send + Sync {}

fn main() {
    let mut app = App::new();
    let smtp = app.register(Smtp);
    let _ = smtp.handle::<Port<dyn Fax>>();
    let _ = smtp.handle::<State<u8>>();
}
