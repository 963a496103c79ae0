//! The state `Metrics`.

use std::fmt;

use bootstrap::Handle;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::metrics::{process, report};

/// What this process has measured: a state of [`MetricsPlugin`](crate::metrics::MetricsPlugin).
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::metrics::{Metrics, MetricsPlugin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(ClockPlugin).with(MetricsPlugin::default());
/// let running = app.boot().await?;
/// // With the crate `metrics`: metrics::counter!("orders_total", "kind" => "new").increment(1);
/// let text = running.try_get::<State<Metrics>>()?.render();
/// assert!(text.contains("bootstrap_plugin_load_seconds{plugin=\"metrics\"}"));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Metrics {
    recorder: PrometheusHandle,
    app: Handle,
}

impl Metrics {
    pub(super) fn new(recorder: PrometheusHandle, app: Handle) -> Self {
        Self { recorder, app }
    }

    /// Returns all metrics in the text format of Prometheus, version 0.0.4: those of the recorder, the times of this app
    /// from its [report](bootstrap::report::Report), and on Linux the memory, threads and open files of the process.
    ///
    /// Takes time in proportion to the number of series, and reads files of `/proc`, which does not block.
    pub fn render(&self) -> String {
        let mut text = self.recorder.render();
        report::append(&mut text, &self.app.report());
        process::append(&mut text);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
