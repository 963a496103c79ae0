//! A process group, and its end.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
#[cfg(target_os = "linux")]
use rustix::process::{PidfdFlags, pidfd_open};
#[cfg(target_os = "linux")]
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::child::Identity;

/// How often a process is looked for if the system does not report its end.
const INTERVAL: Duration = Duration::from_millis(200);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The system did not report it, as for a process that was started before this service.
    Unknown,
}

impl Exit {
    /// Returns whether it is the code 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

/// A process and what it starts, in a group of its own. All are killed when this is dropped, unless it is [left](Self::leave).
#[derive(Debug)]
pub(crate) struct Group {
    identity: Identity,
    /// Readable when the process has ended. `None` if the system has no such file.
    end: Option<AsyncFd<OwnedFd>>,
    is_armed: bool,
}

impl Group {
    /// Starts a program as the leader of a group.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        // Dropping the handle of `std` does nothing: `reap` waits for the process.
        let pid = Pid::from_child(&child);
        let Some(identity) = Identity::of(pid) else {
            let _ = kill_process_group(pid, Signal::KILL);
            let what = "the system does not report when a process started";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        };
        Ok(Self::adopt(identity))
    }

    /// Takes over a group that was started earlier.
    pub(crate) fn adopt(identity: Identity) -> Self {
        let end = open(identity.pid);
        // Otherwise it has ended, and the number may mean another process by now.
        let is_it = Identity::of(identity.pid).as_ref() == Some(&identity);
        let end = end.filter(|_| is_it);
        Self {
            identity,
            end,
            is_armed: true,
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The number of the leader, and of the group.
    pub(crate) fn pid(&self) -> i32 {
        self.identity.pid.as_raw_nonzero().get()
    }

    /// Waits for the end of the leader, kills what is left of its group, and returns how the leader ended. Nothing is lost if the future is
    /// dropped.
    pub(crate) async fn ended(&mut self) -> Exit {
        self.leader_ended().await;
        self.is_armed = false;
        // Before it is reaped: as long as something is left of the group, its number is not used again. The parent of a process that was
        // adopted reaps it at once, so look.
        let found = Identity::of(self.identity.pid);
        if found.is_none_or(|found| found == self.identity) {
            self.kill();
        }
        reap(self.identity.pid)
    }

    async fn leader_ended(&self) {
        if let Some(end) = &self.end
            && end.readable().await.is_ok()
        {
            return;
        }
        while self.identity.is_alive() {
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Asks all processes of the group to end, also those that are stopped.
    pub(crate) fn terminate(&self) {
        // An error is the end of the group.
        let _ = kill_process_group(self.identity.pid, Signal::TERM);
        let _ = kill_process_group(self.identity.pid, Signal::CONT);
    }

    /// Kills all processes of the group.
    pub(crate) fn kill(&self) {
        let _ = kill_process_group(self.identity.pid, Signal::KILL);
    }

    /// Lets the processes outlive this.
    pub(crate) fn leave(mut self) {
        self.is_armed = false;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        self.kill();
        let pid = self.identity.pid;
        // A process that was killed ends soon, but not at once.
        std::thread::spawn(move || waitpid(Some(pid), WaitOptions::empty()));
    }
}

#[cfg(target_os = "linux")]
fn open(pid: Pid) -> Option<AsyncFd<OwnedFd>> {
    let end = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe, for types that may close their file; an `OwnedFd` does not"
    )]
    AsyncFd::with_interest(end, Interest::READABLE).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(_: Pid) -> Option<AsyncFd<OwnedFd>> {
    None
}

/// Returns how a process ended, if it is a child of this one.
fn reap(pid: Pid) -> Exit {
    let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::NOHANG) else {
        return Exit::Unknown;
    };
    let code = status.exit_status().map(Exit::Code);
    let signal = status.terminating_signal().map(Exit::Signal);
    code.or(signal).unwrap_or(Exit::Unknown)
}
