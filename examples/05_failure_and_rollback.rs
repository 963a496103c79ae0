//! What happens when a load fails.
//!
//! Nothing more is started, what is under way is cancelled, and exactly what had loaded is closed
//! again. The error says what failed, and what was done about it.

use anyhow::bail;
use bootstrap::prelude::*;

#[plugin(name = "database")]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        println!("database opens");
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        println!("database closes");
        Ok(())
    }
}

#[plugin(name = "cache", after = [Database])]
struct Cache;

impl Hooks for Cache {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        bail!("connection refused")
    }
}

#[plugin(name = "http", after = [Cache])]
struct Http;

impl Hooks for Http {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        unreachable!("what it waits for has failed")
    }
}

#[tokio::main]
async fn main() {
    match App::collect().boot().await {
        Ok(_) => unreachable!("the cache fails"),
        Err(error) => {
            println!("in one line: {error}");
            // `Debug` and `render` are the whole diagnosis, which `App::run` prints by itself.
            println!("{}", error.render());
        }
    }
}
