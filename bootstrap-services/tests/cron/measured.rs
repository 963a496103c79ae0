//! Metrics.

use bootstrap::prelude::*;
use bootstrap_services::cron::Schedule;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::Kit;

#[tokio::test]
async fn runs_are_measured_by_schedule() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    kit.cron
        .add(Schedule::new("bad", "@hourly"), async |_| -> Result<()> {
            anyhow::bail!("no paper")
        })
        .unwrap();
    kit.advance(7200).await;
    kit.set("2026-01-01T06:30[UTC]").await;
    kit.close().await;
    let all = snapshotter.snapshot().into_vec();
    let value = |name: &str| {
        let found = all.iter().find(|(key, ..)| key.key().name() == name);
        found.map(|(key, _, description, value)| {
            let label = key.key().labels().next().map(|it| it.value().to_owned());
            assert_eq!(label.as_deref(), Some("bad"));
            assert!(description.is_some(), "{name}");
            match value {
                DebugValue::Counter(count) => *count,
                DebugValue::Histogram(values) => values.len() as u64,
                DebugValue::Gauge(_) => unreachable!(),
            }
        })
    };
    assert_eq!(value("cron_fired_total"), Some(3));
    assert_eq!(value("cron_failed_total"), Some(3));
    assert_eq!(value("cron_missed_total"), Some(3));
    assert_eq!(value("cron_late_seconds"), Some(3));
    assert_eq!(value("cron_skipped_total"), None);
}
