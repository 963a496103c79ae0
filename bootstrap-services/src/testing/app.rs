//! An app for a test.

use std::time::{Duration, SystemTime};

use bootstrap::App;
use bootstrap::extend::Selection;

use crate::clock::VirtualClock;
#[cfg(feature = "database")]
use crate::database::DatabasePlugin;
#[cfg(feature = "jobs")]
use crate::jobs::ByHand;

/// The first of January 2026: 20,454 days since 1970.
const NEW_YEAR: Duration = Duration::from_hours(20_454 * 24);

/// Returns an app of one plugin, or of those with the given names, and of the services that they require. All services live in memory, and
/// read the clock, which stands at the beginning of 2026 (UTC).
///
/// Jobs run only in `Jobs::drain`.
///
/// It has a database of its own, also if no plugin requires one: with the feature `database`, `DatabasePlugin::memory()`.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "cache")] {
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::cache::Cache;
/// use bootstrap_services::testing;
///
/// #[plugin(name = "rates", states = [Rates])]
/// struct RatesPlugin {
///     cache: State<Cache>,
/// }
///
/// struct Rates(bootstrap_services::cache::Region<String, f64>);
///
/// impl Hooks for RatesPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Rates> {
///         Ok(Rates(self.cache.region("rates").ttl(Duration::from_mins(1)).build()?))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let (app, time) = testing::only(RatesPlugin::default());
/// let running = app.boot().await?;
/// let rates = running.try_get::<State<Rates>>()?;
/// rates.0.insert("eur".to_owned(), 1.08).await;
/// time.advance(Duration::from_mins(2)).await;
/// assert!(rates.0.get("eur").await.is_none());
/// # drop(rates);
/// # running.close().await?;
/// # Ok(())
/// # }
/// # }
/// ```
pub fn only(of: impl Selection) -> (App, VirtualClock) {
    let time = VirtualClock::starting_at(SystemTime::UNIX_EPOCH + NEW_YEAR);
    let app = App::only(of).supply(time.clock());
    #[cfg(feature = "database")]
    let app = app.with(DatabasePlugin::memory());
    #[cfg(feature = "jobs")]
    let app = app.supply(ByHand);
    (app, time)
}
