//! Which process a number means.

use std::fmt;
use std::str::FromStr;

use rustix::process::Pid;

/// A process, for ever: its number is used again, but not with the time at which it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: Pid,
    started: String,
}

impl Identity {
    /// Returns the identity of the process that has a number now, also if it has ended and its parent has not noticed.
    pub(crate) fn of(pid: Pid) -> Option<Self> {
        let (started, _) = found(pid)?;
        Some(Self { pid, started })
    }

    /// Returns whether the process runs. One that has ended does not, whether or not its parent has noticed.
    pub(crate) fn is_alive(&self) -> bool {
        found(self.pid).is_some_and(|(started, is_alive)| is_alive && started == self.started)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid.as_raw_nonzero(), self.started)
    }
}

impl FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (pid, started) = text.split_once(' ').ok_or(())?;
        // `from_raw` panics for a negative number.
        let pid = pid.parse().ok().filter(|pid: &i32| *pid > 0);
        let pid = pid.and_then(Pid::from_raw).ok_or(())?;
        let started = started.to_owned();
        Ok(Self { pid, started })
    }
}

/// Returns when a process started, and whether it runs.
#[cfg(target_os = "linux")]
fn found(pid: Pid) -> Option<(String, bool)> {
    use crate::child::proc::Stat;
    let stat = Stat::of(pid.as_raw_nonzero().get())?;
    // Start times count from the boot of the machine.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let started = format!("{}@{}", stat.started, boot.trim());
    Some((started, stat.is_alive))
}

/// Returns when a process started, and whether it runs.
#[cfg(not(target_os = "linux"))]
fn found(pid: Pid) -> Option<(String, bool)> {
    let pid = pid.as_raw_nonzero().to_string();
    let mut ps = std::process::Command::new("ps");
    ps.args(["-o", "stat=,lstart=", "-p", &pid])
        .env("LC_ALL", "C");
    let text = String::from_utf8(ps.output().ok()?.stdout).ok()?;
    let (status, started) = text.trim().split_once(' ')?;
    Some((started.trim().to_owned(), !status.starts_with('Z')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_stored_as_text() {
        let own = Identity::of(rustix::process::getpid()).unwrap();
        assert!(own.is_alive());
        assert_eq!(own.to_string().parse(), Ok(own));
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let mut other = Identity::of(rustix::process::getpid()).unwrap();
        other.started.push('0');
        assert!(!other.is_alive());
    }

    #[test]
    fn garbage_is_no_identity() {
        for text in ["", "1", "x y", "0 1@2", "-1 1@2"] {
            assert_eq!(text.parse::<Identity>(), Err(()), "{text}");
        }
    }
}
