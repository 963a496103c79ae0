//! The recorder of this process: a process has one, however many apps it has.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use thiserror::Error;

/// Another recorder of the crate `metrics` is installed in this process, so what was measured can't be read here.
#[derive(Debug, Error)]
#[error(
    "this process has a recorder of the crate `metrics` already, and what that has recorded can't be read by this plugin\n\
     help: install no other recorder, or remove `MetricsPlugin` and what requires `State<Metrics>`"
)]
#[non_exhaustive]
pub struct OtherRecorder;

/// The upper bounds of what ends with `_seconds`: requests of a network, and work in the background.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];

/// The upper bounds of what ends with `_bytes`.
const BYTES: [f64; 7] = [
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    1_048_576.0,
    16_777_216.0,
];

static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Installs the recorder of this process, unless an earlier app has.
pub(super) fn install(idle_timeout: Duration) -> anyhow::Result<PrometheusHandle> {
    let mut installed = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let recorder = builder(idle_timeout)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| OtherRecorder)?;
    *installed = Some(handle.clone());
    Ok(handle)
}

fn builder(idle_timeout: Duration) -> Result<PrometheusBuilder, BuildError> {
    // Not gauges: one that is counted up and down would begin at zero again.
    let idle = MetricKindMask::COUNTER | MetricKindMask::HISTOGRAM;
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?
        .idle_timeout(idle, Some(idle_timeout)))
}
