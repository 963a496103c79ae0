//! Generated code neither needs `unsafe` nor leaves anything to warn about.
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    missing_debug_implementations,
    unused,
    warnings,
    nonstandard_style
)]
#![deny(
    unused_qualifications,
    unreachable_pub,
    single_use_lifetimes,
    unused_results
)]

use bootstrap::prelude::*;

/// A state.
#[derive(Debug)]
pub struct Pool;

/// A plugin.
#[plugin(name = "database", states = [Pool], load_timeout = "5s", close_timeout = "1m")]
#[derive(Debug)]
pub struct Database {
    /// An option.
    #[option(default = 8)]
    pub connections: u32,
}

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin]
struct Reader {
    pool: State<Pool>,
    #[local]
    seen: bool,
}

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _pool: &Pool = &self.pool;
        self.seen = true;
        Ok(())
    }
}

fn main() {
    let _app = App::collect();
}
