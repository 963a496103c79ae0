//! The plugin `leases`.

use std::time::Duration;

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::database::values::Time;
use crate::leases::{LeaseEngine, Leases, metrics};

/// Provides [`Leases`]. It joins a collected app in which a plugin requires them.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `leases.ttl` | `15s` | how long a lease of [`Leases::hold`] is valid without a renewal, 1 s to 24 h |
/// | `leases.engine` | `sqlite` | the engine: see [`SqliteLeasesPlugin`](crate::leases::SqliteLeasesPlugin) |
///
/// When it closes, all leases of this instance are released.
///
/// # Errors
///
/// The boot fails if `leases.ttl` is out of its range.
#[plugin(
    name = "leases",
    states = [Leases],
    ports = [self as dyn HealthCheck],
    collect = needed
)]
#[derive(Debug)]
pub struct LeasesPlugin {
    engine: Port<dyn LeaseEngine>,
    clock: State<Clock>,
    #[option(config = "leases.ttl", default = Time(Duration::from_secs(15)), setter = false)]
    ttl: Time,
    #[local]
    leases: Option<Leases>,
}

impl LeasesPlugin {
    /// How long a lease of [`Leases::hold`] is valid without a renewal: `leases.ttl`, 15 s.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Time(ttl);
        self
    }
}

impl Hooks for LeasesPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Leases> {
        let Time(ttl) = self.ttl;
        if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&ttl) {
            let wrong = format!("`leases.ttl` is {ttl:?}");
            return Err(cx
                .config_error("leases.ttl", wrong, "set it to a time from `1s` to `24h`")
                .into());
        }
        let engine = Port::to_arc(&self.engine).context("its engine is not bound")?;
        let leases = Leases::new(engine, Clock::clone(&self.clock), ttl);
        self.leases = Some(leases.clone());
        Ok(leases)
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().close().await;
        Ok(())
    }
}

#[async_trait]
impl HealthCheck for LeasesPlugin {
    async fn check(&self) -> Result<()> {
        match &self.leases {
            Some(leases) => leases.check().await,
            None => Ok(()),
        }
    }
}
