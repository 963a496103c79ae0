//! A child process that is told a case of its life, and watched.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No child lives longer than this, whatever it does.
pub const HARD_DEADLINE: Duration = Duration::from_mins(1);

/// A child process. Its output is read by threads of its own, so that nobody waits for a line
/// that never comes.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    err: Option<JoinHandle<String>>,
    deadline: Instant,
}

pub struct Ended {
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub killed_by: Option<i32>,
    pub out: Vec<String>,
    pub err: String,
}

/// Whether programs that are started from here ignore a signal, because this one does: `nohup` has
/// that effect, and so has `&` in a shell.
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.unwrap_or(0) >> (signal - 1) & 1 == 1
}

/// A command whose process handles SIGINT and SIGHUP as usual. If the tests run in the background of a
/// shell, or under `nohup`, these are ignored, and a child process would inherit that.
pub fn command(program: &str) -> Command {
    if !is_ignored(1) && !is_ignored(2) {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", program]);
    command
}

impl Program {
    pub fn start(case: &str) -> Self {
        Self::start_by(command(env!("CARGO_BIN_EXE_program")).arg(case))
    }

    pub fn start_by(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = channel();
        thread::spawn(move || {
            let mut read = out.lines().map_while(Result::ok);
            while read.next().is_some_and(|next| line.send(next).is_ok()) {}
        });
        let mut err = child.stderr.take().unwrap();
        let err = thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).unwrap();
            text
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
            err: Some(err),
            deadline: Instant::now() + HARD_DEADLINE,
        }
    }

    /// The next thing that happens within a time: a line, or the end of all output.
    fn next(&mut self, within: Duration) -> Result<(), RecvTimeoutError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let next = self.lines.recv_timeout(within.min(left));
        assert!(
            next != Err(RecvTimeoutError::Timeout) || within < left,
            "the program hangs: {:?}",
            self.seen
        );
        next.map(|line| self.seen.push(line))
    }

    /// Waits until the program has printed a line.
    pub fn wait_for(&mut self, line: &str) {
        while self.seen.last().map(String::as_str) != Some(line) {
            let next = self.next(HARD_DEADLINE);
            assert!(next.is_ok(), "it has ended: {:?}", self.seen);
        }
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Sends the signal again and again until the program has ended: one that comes right behind
    /// the first may count as the same.
    pub fn insist(mut self, signal: &str) -> Ended {
        loop {
            match self.next(Duration::from_millis(100)) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => self.signal(signal),
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
        }
    }

    pub fn end(mut self) -> Ended {
        while self.next(HARD_DEADLINE).is_ok() {}
        // It has closed its output, which nothing but its end does.
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < self.deadline, "the program hangs");
            thread::park_timeout(Duration::from_millis(1));
        };
        Ended {
            code: status.code(),
            killed_by: status.signal(),
            out: std::mem::take(&mut self.seen),
            err: self.err.take().unwrap().join().unwrap(),
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
