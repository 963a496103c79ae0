//! A type of another crate that is called as one of ours is.

use axum::extract::State;
use bootstrap::prelude::{Hooks, LoadContext, Result, plugin};

mod axum {
    pub mod extract {
        #[derive(Default)]
        pub struct State<T>(pub T);
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
}

impl Hooks for Api {}

fn main() {}
