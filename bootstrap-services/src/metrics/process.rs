//! What the kernel knows of this process: on Linux, from `/proc`.

use std::fs;

use crate::metrics::text::Gauge;

/// Appends the memory, the threads and the open files of this process; nothing where there is no `/proc`.
pub(super) fn append(text: &mut String) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let gauges = [
        (
            "process_resident_memory_bytes",
            "Memory of this process that is in RAM.",
            value(&status, "VmRSS:").map(|kib| kib * 1024.0),
        ),
        (
            "process_threads",
            "Threads of this process.",
            value(&status, "Threads:"),
        ),
        (
            "process_open_fds",
            "Open files and sockets of this process.",
            open_files(),
        ),
    ];
    for (name, help, value) in gauges {
        let gauge = Gauge {
            name,
            help,
            label: None,
            values: value.map(|value| ("", value)).into_iter().collect(),
        };
        gauge.append(text);
    }
}

fn value(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    // Without the one that reads the folder.
    let count = fs::read_dir("/proc/self/fd")
        .ok()?
        .count()
        .saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}
