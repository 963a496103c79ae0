//! What happens when a load fails.
//!
//! Nothing more is started, hooks that are running are cancelled, and exactly the plugins that had
//! loaded are closed. The error names the plugin that failed, and those that were closed.

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
        unreachable!("the cache has failed")
    }
}

#[tokio::main]
async fn main() {
    match App::collect().boot().await {
        Ok(_) => unreachable!("the cache fails"),
        Err(error) => {
            println!("in one line: {error}");
            // `render` is the whole diagnosis. `App::run` prints it.
            println!("{}", error.render());
        }
    }
}
