//! The plugin `limits`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::limits::check::{Engine, Limit, Limits, Store};
use crate::limits::memory::Memory;
use crate::limits::metrics::{describe, publish};
use crate::limits::{Quota, QuotaError, RateStore, WhenDown};
use crate::remote::Remote;

/// How often keys with their whole burst are forgotten, and counters published. Not more often, as a test may let a year pass.
const TEND: Duration = Duration::from_secs(15);

/// Provides the state [`Limits`]. It joins a collected app in which a plugin requires it.
///
/// Each table in `[limits]` of the configuration is a limit, as well as each [`LimitsPlugin::limit`] in code. What the configuration sets for a limit outranks
/// what the code gave.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `limits.login.rate` | | how much comes back in which time: `"5/m"`; the units are `ms`, `s`, `m`, `h` and `d`, also with a number: `"100/30s"` |
/// | `limits.login.burst` | the number of the rate | how many may happen at once |
/// | `limits.login.when_down` | `"allow"` | what the limit does while its [`RateStore`] fails: `allow` or `deny` |
///
/// Keys are counted in the memory of the process, unless a plugin provides a [`RateStore`]: then all limits use that.
///
/// # Errors
///
/// The boot fails if a limit has no rate, if its rate or burst is zero or malformed, if a table has other keys, and if an app with a
/// [`RateStore`] has a `store_timeout` of zero.
///
/// # Examples
///
/// ```
/// use bootstrap::Configuration;
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::limits::{Limits, LimitsPlugin, Quota};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let configuration = Configuration::new().set("limits.login.rate", "5/m").set("limits.login.burst", 10);
/// let limits = LimitsPlugin::default().limit("api", Quota::per_second(100));
/// let app = App::new().with(ClockPlugin).with(limits).configure(configuration);
/// let running = app.boot().await?;
/// let login = running.try_get::<State<Limits>>()?.named("login")?;
/// assert_eq!(login.check("ada").await?.remaining, 9);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "limits", states = [Limits], ports = [self as dyn HealthCheck], collect = needed)]
#[derive(Debug)]
pub struct LimitsPlugin {
    clock: State<Clock>,
    store: Option<Port<dyn RateStore>>,
    #[option(config = "limits", default = BTreeMap::new(), setter = false)]
    configured: BTreeMap<String, Configured>,
    #[option(default = BTreeMap::new(), setter = false)]
    in_code: BTreeMap<String, Quota>,
    /// How long a call of the [`RateStore`] may take. 250 ms by default.
    #[option(default = Duration::from_millis(250))]
    pub store_timeout: Duration,
    #[local]
    shared: Option<Arc<Store>>,
}

/// A limit, as the configuration has it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `rate`, `burst` and `when_down`"
)]
struct Configured {
    rate: Option<String>,
    burst: Option<u32>,
    when_down: Option<WhenDown>,
}

impl Hooks for LimitsPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Limits> {
        let quotas = self.quotas(cx)?;
        if let Some(engine) = self.store.clone() {
            let clock = Clock::clone(&self.clock);
            let limit = ("store_timeout", self.store_timeout);
            let remote = Remote::new("the store of the rate limits", clock, limit)?;
            self.shared = Some(Arc::new(Store { engine, remote }));
        }
        let mut limits = Vec::new();
        for (name, quota) in quotas {
            // Also with a store: the quota is checked.
            let memory = Memory::new(&quota, &self.clock);
            let memory = memory.map_err(|error| self.wrong(cx, &name, error))?;
            let engine = self
                .shared
                .clone()
                .map_or(Engine::Memory(memory), Engine::Store);
            limits.push(Limit::new(name, quota, engine));
        }
        Ok(Limits::new(limits.into_iter(), self.shared.clone()))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        describe();
        Ok(())
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let limits = cx.states();
        tokio::select! {
            () = cx.stopped() => {}
            () = self.clock.work(tend(&self.clock, &limits)) => {}
        }
        Ok(())
    }
}

/// Fails while the [`RateStore`] does. Not critical: each limit has its way to do without it.
#[async_trait]
impl HealthCheck for LimitsPlugin {
    async fn check(&self) -> Result<()> {
        match &self.shared {
            Some(store) => store.check().await,
            None => Ok(()),
        }
    }

    fn critical(&self) -> bool {
        false
    }
}

async fn tend(clock: &Clock, limits: &Limits) {
    loop {
        clock.sleep(TEND).await;
        for limit in limits.iter() {
            limit.maintain();
            publish(limit);
        }
    }
}

impl LimitsPlugin {
    /// Adds a limit, or replaces the one with this name.
    #[must_use]
    pub fn limit(mut self, name: impl Into<String>, quota: Quota) -> Self {
        self.in_code.insert(name.into(), quota);
        self
    }

    /// The limits of the code, with what the configuration sets, and the others of the configuration.
    fn quotas(&self, cx: &LoadContext) -> Result<BTreeMap<String, Quota>> {
        let mut quotas = self.in_code.clone();
        for (name, configured) in &self.configured {
            let quota = configured.quota(name, quotas.get(name).copied(), cx)?;
            quotas.insert(name.clone(), quota);
        }
        Ok(quotas)
    }

    /// A quota that is not valid, with the key that is to be corrected.
    fn wrong(&self, cx: &LoadContext, name: &str, error: QuotaError) -> anyhow::Error {
        let text = error.to_string();
        let (wrong, help) = text.split_once('\n').unwrap_or((&text, ""));
        let wrong = format!("the rate limit `{name}` {wrong}");
        let configured = self.configured.get(name);
        let has_burst = configured.is_some_and(|it| it.burst.is_some());
        match configured {
            Some(_) if has_burst && error == QuotaError::ZeroBurst => cx
                .config_error(&format!("limits.{name}.burst"), wrong, help)
                .into(),
            Some(it) if it.rate.is_some() => cx
                .config_error(&format!("limits.{name}.rate"), wrong, help)
                .into(),
            _ => anyhow!("{wrong}\n{help}"),
        }
    }
}

impl Configured {
    fn quota(&self, name: &str, in_code: Option<Quota>, cx: &LoadContext) -> Result<Quota> {
        let rate = format!("limits.{name}.rate");
        let mut quota = match (&self.rate, in_code) {
            (Some(text), in_code) => {
                let quota: Quota = text.parse().map_err(|error: crate::limits::RateError| {
                    let text = error.to_string();
                    let (wrong, help) = text.split_once('\n').unwrap_or((&text, ""));
                    cx.config_error(&rate, format!("the rate limit `{name}`: {wrong}"), help)
                })?;
                in_code.map_or(quota, |in_code| quota.or_settings_of(&in_code))
            }
            (None, Some(quota)) => quota,
            (None, None) => {
                let wrong = format!("the rate limit `{name}` has no rate");
                let help = format!("write `rate = \"5/m\"` into `[limits.{name}]`, or remove it");
                return Err(cx
                    .config_error(&format!("limits.{name}"), wrong, help)
                    .into());
            }
        };
        if let Some(burst) = self.burst {
            quota = quota.burst(burst);
        }
        if let Some(when_down) = self.when_down {
            quota = quota.when_down(when_down);
        }
        Ok(quota)
    }
}
