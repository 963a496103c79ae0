//! Types that look like a state's type, but are what is made of it.

use std::fmt::Display;
use std::sync::Arc;

use bootstrap::prelude::*;

struct Pool;

#[plugin(states = [State<Pool>])]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

struct Cache;

#[plugin(states = [Arc<Cache>])]
struct Shared;

impl Hooks for Shared {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<Cache>> {
        Ok(Arc::new(Cache))
    }
}

#[plugin(states = [Option<Cache>])]
struct Perhaps;

impl Hooks for Perhaps {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Option<Cache>> {
        Ok(None)
    }
}

#[plugin(states = [&'static str])]
struct Borrowed;

impl Hooks for Borrowed {
    async fn load(&mut self, _: &mut LoadContext) -> Result<&'static str> {
        Ok("text")
    }
}

#[plugin(states = [dyn Display])]
struct Unsized;

impl Hooks for Unsized {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin]
struct User {
    pool: State<Pool>,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

fn main() {}
