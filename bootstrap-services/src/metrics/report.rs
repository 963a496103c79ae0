//! How long the app took to boot and to close, from its report.

use std::time::Duration;

use bootstrap::report::{Report, Step};

use crate::metrics::text::Gauge;

/// Appends the times of an app. Not through the recorder, which other apps of the process share.
pub(super) fn append(text: &mut String, report: &Report) {
    let of_app = |time: Option<Duration>| time.map(|time| ("", time.as_secs_f64()));
    let names: Vec<_> = report
        .plugins
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    let of_plugins = |step: fn(&bootstrap::report::PluginReport) -> &Step| {
        let steps = report.plugins.iter().map(step).zip(&names);
        let times =
            steps.filter_map(|(step, name)| Some((name.as_str(), step.took?.as_secs_f64())));
        times.collect()
    };
    let gauges = [
        Gauge {
            name: "bootstrap_boot_seconds",
            help: "How long the app took to boot.",
            label: None,
            values: of_app(report.boot).into_iter().collect(),
        },
        Gauge {
            name: "bootstrap_plugin_load_seconds",
            help: "How long a plugin took to load.",
            label: Some("plugin"),
            values: of_plugins(|plugin| &plugin.load),
        },
        Gauge {
            name: "bootstrap_close_seconds",
            help: "How long the app took to drain and close.",
            label: None,
            values: of_app(report.close).into_iter().collect(),
        },
        Gauge {
            name: "bootstrap_plugin_close_seconds",
            help: "How long a plugin took to close.",
            label: Some("plugin"),
            values: of_plugins(|plugin| &plugin.close),
        },
    ];
    for gauge in gauges {
        gauge.append(text);
    }
}
