//! Which process a worker lives in, and whether it has died.

use std::io::ErrorKind;
use std::process;

use crate::proc_stat;

/// A process, as the table of the workers has it: the machine and its start, the namespace of the number, the number, and the start of
/// the process. So a number that was given again is another process.
pub(super) fn current() -> String {
    let pid = process::id();
    match (place(), start(pid)) {
        (Some(place), Some(start)) => format!("{place} {pid} {start}"),
        // Others find out by its silence.
        _ => format!("unknown {pid}"),
    }
}

/// Whether a process has died. False if that can't be known from here.
pub(super) fn has_died(process: &str) -> bool {
    let Some(rest) = place().and_then(|here| process.strip_prefix(&here).map(str::to_owned)) else {
        return false;
    };
    let mut parts = rest.split_whitespace();
    let (Some(pid), Some(started)) = (parts.next(), parts.next()) else {
        return false;
    };
    let Ok(pid) = pid.parse() else { return false };
    match proc_stat::fields(pid) {
        Ok(fields) => start_in(&fields) != Some(started),
        // Unless processes of other users are hidden (`hidepid`): the first process is always there.
        Err(error) => error.kind() == ErrorKind::NotFound && proc_stat::fields(1).is_ok(),
    }
}

/// This machine since its start, and the namespace of its numbers.
#[cfg(target_os = "linux")]
fn place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

#[cfg(not(target_os = "linux"))]
fn place() -> Option<String> {
    None
}

/// When a process started, in ticks since the machine did; `None` if it does not run.
fn start(pid: u32) -> Option<String> {
    let fields = proc_stat::fields(pid).ok()?;
    start_in(&fields).map(str::to_owned)
}

fn start_in(fields: &[String]) -> Option<&str> {
    let is_alive = proc_stat::is_alive(fields.first()?);
    let start = fields.get(19)?;
    is_alive.then_some(start)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_died_when_its_number_is_free_or_that_of_another_one() {
        let current = current();
        assert!(!has_died(&current), "{current}");
        let (place, _) = current.rsplit_once(' ').unwrap();
        assert!(has_died(&format!("{place} 1")), "another start");

        let mut child = process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let started = start(pid).unwrap_or_else(|| "1".to_owned());
        child.wait().unwrap();
        let (machine, _) = place.rsplit_once(' ').unwrap();
        assert!(has_died(&format!("{machine} {pid} {started}")), "gone");
    }

    #[test]
    fn a_process_of_another_machine_or_container_is_not_known_to_have_died() {
        for process in ["unknown 7", "", "6a09e667-f3bc pid:[1] 7 8"] {
            assert!(!has_died(process), "{process}");
        }
    }
}
