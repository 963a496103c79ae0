//! A plugin that nobody needs: only `link!` keeps it in a binary.

use std::sync::atomic::{AtomicU32, Ordering};

use bootstrap::prelude::*;

/// How often the plugin has loaded.
pub static LOADS: AtomicU32 = AtomicU32::new(0);

#[plugin(name = "leaf")]
struct Leaf;

impl Hooks for Leaf {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        LOADS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
