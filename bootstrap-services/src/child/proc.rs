//! What Linux reports in `/proc`. Other systems report nothing.

use std::collections::HashMap;
use std::time::Duration;

#[cfg(target_os = "linux")]
use crate::proc_stat;

/// What a process group uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The resident memory in bytes. Memory that several processes of the group share counts in each of them.
    pub rss: u64,
    /// The time of processors that was used so far, with that of processes of the group that have ended.
    pub cpu: Duration,
}

/// What `/proc/<pid>/stat` has.
#[cfg(target_os = "linux")]
pub(super) struct Stat {
    pub(super) is_alive: bool,
    group: i32,
    /// In ticks.
    cpu: u64,
    /// In ticks since the boot of the machine.
    pub(super) started: u64,
    /// In pages.
    rss: u64,
}

#[cfg(target_os = "linux")]
impl Stat {
    pub(super) fn of(pid: i32) -> Option<Self> {
        let fields = proc_stat::fields(pid.try_into().ok()?).ok()?;
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            is_alive: proc_stat::is_alive(fields.first()?),
            group: fields.get(2)?.parse().ok()?,
            // Of the process, and of its children that it has waited for.
            cpu: (11..=14).filter_map(number).sum(),
            started: number(19)?,
            rss: number(21)?,
        })
    }
}

/// The numbers of all processes.
#[cfg(target_os = "linux")]
fn pids() -> impl Iterator<Item = i32> {
    let folder = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    folder.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns what each process group uses, by its number.
#[cfg(target_os = "linux")]
pub(crate) fn usage() -> HashMap<i32, Usage> {
    let page = rustix::param::page_size() as u64;
    let second = rustix::param::clock_ticks_per_second().max(1);
    let mut groups: HashMap<i32, Usage> = HashMap::new();
    for stat in pids().filter_map(Stat::of) {
        let usage = groups.entry(stat.group).or_default();
        usage.rss += stat.rss * page;
        usage.cpu += Duration::from_millis(stat.cpu * 1_000 / second);
    }
    groups
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn usage() -> HashMap<i32, Usage> {
    HashMap::new()
}

/// Returns the processes whose environment has this variable: those that a child started as well, in whatever group they are.
#[cfg(target_os = "linux")]
fn marked(variable: &str, value: &str) -> Vec<i32> {
    let mark = format!("{variable}={value}");
    let is_marked = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|it| it == mark.as_bytes())
    };
    pids().filter(is_marked).collect()
}

#[cfg(not(target_os = "linux"))]
fn marked(_: &str, _: &str) -> Vec<i32> {
    Vec::new()
}

/// Kills the processes whose environment has this variable, also those that they start meanwhile.
pub(crate) fn kill_marked(variable: &str, value: &str) {
    // Each round finds what the last one was too late for.
    const ROUNDS: usize = 10;
    for _ in 0..ROUNDS {
        let found = marked(variable, value);
        let pids = found.into_iter().filter_map(rustix::process::Pid::from_raw);
        let mut killed = false;
        for pid in pids {
            killed |= rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok();
        }
        if !killed {
            return;
        }
    }
}
