//! What the benchmarks share: plugins that do nothing, and apps of them.
//!
//! `cargo bench -p bootstrap-benches` runs all of them; `-- boot/flat/1000` one group. Compare
//! what stands in one group, and was measured in one run: absolute times say more about the
//! machine.

use bootstrap::prelude::*;

/// A plugin that does nothing.
#[plugin(name = "noop", collect = never)]
#[derive(Debug)]
pub struct Noop;

impl Hooks for Noop {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

/// How the plugins of an app depend on each other.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Not at all.
    Flat,
    /// Each on the one before.
    Chain,
}

impl Shape {
    /// The name of the shape in benchmarks.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Flat => "flat",
            Shape::Chain => "chain",
        }
    }
}

/// An app of `n` plugins that do nothing.
pub fn app(n: usize, shape: Shape) -> App {
    let mut app = App::new();
    let mut last = None;
    for _ in 0..n {
        let next = app.register(Noop);
        last = match (shape, last) {
            (Shape::Chain, Some(last)) => Some(next.after(&last)),
            _ => Some(next),
        };
    }
    app
}
