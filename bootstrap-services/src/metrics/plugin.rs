//! The plugin `metrics`.

use std::time::Duration;

use bootstrap::prelude::*;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::clock::Clock;
use crate::metrics::api::Metrics;
use crate::metrics::recorder::install;

/// How often samples of histograms are moved into their buckets. Samples wait in memory until then.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder of this process, and provides [`Metrics`]. An app that collects contains it if a plugin requires
/// `State<Metrics>`; without it nothing is recorded, and the macros cost next to nothing.
///
/// Apps of one process share the recorder. It stays when they close.
///
/// # Errors
///
/// The boot fails with [`OtherRecorder`](crate::metrics::OtherRecorder) if the process has another recorder.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::metrics::MetricsPlugin;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(ClockPlugin).with(MetricsPlugin::default()).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[plugin(name = "metrics", states = [Metrics], collect = needed)]
#[derive(Debug)]
pub struct MetricsPlugin {
    clock: State<Clock>,
    /// Counters and histograms that did not change for this time are removed: a label whose value is no longer used
    /// costs nothing. One day by default. The first app of a process decides.
    #[option(default = Duration::from_hours(24))]
    pub idle_timeout: Duration,
    #[local]
    recorder: Option<PrometheusHandle>,
}

impl Hooks for MetricsPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Metrics> {
        let recorder = install(self.idle_timeout)?;
        self.recorder = Some(recorder.clone());
        Ok(Metrics::new(recorder, cx.handle()))
    }

    async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
        let Some(recorder) = &self.recorder else {
            return Ok(());
        };
        let (clock, recorder) = (State::clone(&self.clock), recorder.clone());
        let upkeep = self.clock.work(async move {
            loop {
                clock.sleep(UPKEEP).await;
                recorder.run_upkeep();
            }
        });
        tokio::select! {
            () = upkeep => {}
            () = cx.stopped() => {}
        }
        Ok(())
    }
}
