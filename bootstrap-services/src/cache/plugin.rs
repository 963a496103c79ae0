//! The plugin `cache`.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::cache::metrics;
use crate::cache::regions::Cache;
use crate::cache::shared::SharedCache;
use crate::cache::tier::Tier;
use crate::clock::Clock;

/// How often regions do their maintenance, which otherwise happens on access only. Not more often, as a test may let a year pass.
const TEND: Duration = Duration::from_secs(15);
/// How long after the end of its messages the shared cache is subscribed to again.
const SUBSCRIBE: Duration = Duration::from_secs(1);

/// Provides the state [`Cache`]. It joins a collected app in which a plugin requires it.
///
/// Everything is in the memory of the process, unless a plugin provides a [`SharedCache`] and a region is
/// [`shared`](crate::cache::RegionBuilder::shared). The plugin removes entries that have expired every 15 seconds.
///
/// # Errors
///
/// The boot fails if an app with a shared cache has a `shared_timeout` of zero.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::cache::{Cache, CachePlugin};
/// use bootstrap_services::clock::ClockPlugin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(ClockPlugin).with(CachePlugin::default()).boot().await?;
/// let cache = running.try_get::<State<Cache>>()?;
/// let names = cache.region::<u64, String>("names").build()?;
/// names.insert(7, "ada".into()).await;
/// assert_eq!(names.get(&7).await.as_deref().map(String::as_str), Some("ada"));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "cache", states = [Cache], ports = [self as dyn HealthCheck], collect = needed)]
#[derive(Debug)]
pub struct CachePlugin {
    clock: State<Clock>,
    shared: Option<Port<dyn SharedCache>>,
    /// How long a call of the shared cache may take. 250 ms by default.
    #[option(default = Duration::from_millis(250))]
    pub shared_timeout: Duration,
    #[local]
    tier: Option<Arc<Tier>>,
}

impl Hooks for CachePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Cache> {
        let clock = Clock::clone(&self.clock);
        let tier = self.shared.clone();
        let tier = tier.map(|it| Tier::new(it, clock.clone(), self.shared_timeout));
        self.tier = tier.transpose()?.map(Arc::new);
        Ok(Cache::new(clock, self.tier.clone()))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let cache = cx.states();
        tokio::select! {
            () = cx.stopped() => {}
            () = self.clock.work(tend(&cache)) => {}
            // Not marked as work: it waits for messages, which no clock brings.
            () = listen(&cache) => {}
        }
        Ok(())
    }
}

/// Fails while the shared cache does. Not critical: regions work without it.
#[async_trait]
impl HealthCheck for CachePlugin {
    async fn check(&self) -> Result<()> {
        match &self.tier {
            Some(tier) => tier.check().await,
            None => Ok(()),
        }
    }

    fn critical(&self) -> bool {
        false
    }
}

async fn tend(cache: &Cache) {
    loop {
        cache.clock().sleep(TEND).await;
        cache.tend().await;
    }
}

async fn listen(cache: &Cache) {
    let Some(tier) = cache.tier() else {
        return std::future::pending().await;
    };
    loop {
        if let Err(error) = cache.listen(tier).await {
            tracing::debug!("the messages of the shared cache can't be read: {error:#}");
        }
        cache.clock().sleep(SUBSCRIBE).await;
    }
}
