//! The plugin `clock`.

use bootstrap::prelude::*;

use crate::clock::Clock;

/// Provides the [`Clock`] of the system. It joins a collected app in which a plugin requires it.
///
/// # Examples
///
/// ```
/// use std::time::SystemTime;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::{Clock, ClockPlugin};
///
/// #[plugin]
/// struct Greeting {
///     clock: State<Clock>,
/// }
///
/// impl Hooks for Greeting {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert!(self.clock.now() > SystemTime::UNIX_EPOCH);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(ClockPlugin).with(Greeting::default()).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "clock", states = [Clock], collect = needed)]
#[derive(Clone, Copy, Debug)]
pub struct ClockPlugin;

impl Hooks for ClockPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> {
        Ok(Clock::system())
    }
}
