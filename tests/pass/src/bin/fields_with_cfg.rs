//! A field that is not there is not there for the plugin either.
#![allow(dead_code)]

use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [Pool])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
struct Server {
    #[cfg(any())]
    missing: State<Missing>,
    #[cfg(all())]
    pool: State<Pool>,
    #[cfg(any())]
    #[option(default = missing())]
    port: Missing,
    #[local]
    #[cfg(any())]
    seen: Missing,
    #[cfg_attr(all(), cfg(any()))]
    also_missing: State<Missing>,
    /// Documented.
    #[cfg_attr(all(), allow(unused))]
    #[option(default = 8)]
    workers: u32,
}

impl Hooks for Server {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _: &Pool = &self.pool;
        Ok(())
    }
}

#[plugin]
struct Tuple(State<Pool>, #[cfg(any())] State<Missing>);

impl Hooks for Tuple {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let running = App::collect().boot().await.unwrap();
    running.close().await.unwrap();
    assert_eq!(Server::default().workers, 8);
}
