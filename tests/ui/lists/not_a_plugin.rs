//! What is no plugin, or has no default, or stands there twice.

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

struct Plain;

#[plugin(collect = false)]
struct Required {
    #[option(required)]
    value: u8,
}

impl Hooks for Required {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {
    let _ = plugins![Plain];
    let _ = plugins![Required];
    let _ = plugins![Required { valeu: 1 }];
    let _ = plugins![Database; besides: [Pool]];
    let _ = plugins![Database, Database];
}
