//! The thread's side of the queue: what lines are written to, and what happens if that fails.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tracing_appender::non_blocking::ErrorCounter;

use crate::logger::file::LogFile;
use crate::logger::metrics;

/// Where lines go.
#[derive(Debug)]
pub(super) enum Target {
    Stderr,
    File(LogFile),
}

/// What the thread and the rest of the process share.
#[derive(Debug)]
pub(super) struct Written {
    target: Mutex<Target>,
    /// Why the file can't be written now.
    fault: Mutex<Option<String>>,
    /// Lines that went to stderr in place of the file, since it could be written.
    diverted: AtomicU64,
    lines: Mutex<u64>,
    progress: Condvar,
    /// Lines that neither the file nor stderr took.
    lost: AtomicU64,
    /// Lines dropped by the queue that were reported.
    reported: AtomicUsize,
    pub(super) queue_full: OnceLock<ErrorCounter>,
}

/// What the thread writes to. Its writes never fail: a fault of the log must not end the thread, nor the process.
pub(super) struct Output {
    written: Arc<Written>,
}

impl Output {
    pub(super) fn new() -> (Self, Arc<Written>) {
        let written = Arc::new(Written {
            target: Mutex::new(Target::Stderr),
            fault: Mutex::default(),
            diverted: AtomicU64::new(0),
            lines: Mutex::default(),
            progress: Condvar::new(),
            lost: AtomicU64::new(0),
            reported: AtomicUsize::new(0),
            queue_full: OnceLock::new(),
        });
        let output = Self {
            written: Arc::clone(&written),
        };
        (output, written)
    }
}

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.written.line(line);
        *lock(&self.written.lines) += 1;
        self.written.progress.notify_all();
        Ok(line.len())
    }

    /// Called when the queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        let dropped = self.written.queue_full();
        let count = dropped - self.written.reported.load(Ordering::Relaxed);
        if count > 0 {
            metrics::lost(count as u64);
            tracing::warn!(
                "{count} lines of the log were dropped: the log was not written as fast as it grew"
            );
            self.written.reported.store(dropped, Ordering::Release);
            self.written.progress.notify_all();
        }
        Ok(())
    }
}

impl Written {
    pub(super) fn set_target(&self, target: Target) {
        *lock(&self.target) = target;
        *lock(&self.fault) = None;
    }

    /// Writes a line to the file, or else to stderr.
    fn line(&self, line: &[u8]) {
        let is_in_file = match self.to_file(line) {
            None => false,
            Some(is_written) => {
                if !is_written {
                    self.diverted.fetch_add(1, Ordering::Relaxed);
                    metrics::diverted();
                }
                is_written
            }
        };
        if !is_in_file && io::stderr().write_all(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            metrics::lost(1);
        }
    }

    /// Tries the file again if it could not be written: an app that logs nothing has to notice that the disk has room.
    pub(super) fn retry(&self) {
        if self.fault().is_some() {
            self.to_file(b"\n");
        }
    }

    /// Writes a line to the file, if there is one, and returns whether it could.
    fn to_file(&self, line: &[u8]) -> Option<bool> {
        let mut target = lock(&self.target);
        let Target::File(file) = &mut *target else {
            return None;
        };
        let result = file.write(&without_colours(line), SystemTime::now());
        let path = file.path().display().to_string();
        let fault = result.err().map(|error| error.to_string());
        let before = std::mem::replace(&mut *lock(&self.fault), fault.clone());
        drop(target);
        // These events are lines themselves, which the thread takes from the queue later.
        match (before, &fault) {
            (None, Some(fault)) => tracing::error!(
                "the log file `{path}` can't be written: {fault}; lines go to stderr until it can"
            ),
            (Some(_), None) => {
                let count = self.diverted.swap(0, Ordering::Relaxed);
                tracing::warn!(
                    "the log file `{path}` is written again: {count} lines went to stderr"
                );
            }
            _ => {}
        }
        Some(fault.is_none())
    }

    /// Why the file can't be written now.
    pub(super) fn fault(&self) -> Option<String> {
        lock(&self.fault).clone()
    }

    /// Lines that were not written: dropped by the queue, or taken by neither the file nor stderr.
    pub(super) fn dropped(&self) -> u64 {
        self.queue_full() as u64 + self.lost.load(Ordering::Relaxed)
    }

    fn queue_full(&self) -> usize {
        let counter = self.queue_full.get();
        counter.map_or(0, ErrorCounter::dropped_lines)
    }

    /// Waits until `lines` lines were written or dropped and those that were dropped are reported, at most for `limit`.
    pub(super) fn wait_for(&self, lines: u64, limit: Duration) {
        let began = Instant::now();
        let mut written = lock(&self.lines);
        while !self.has_caught_up(*written, lines) {
            let Some(rest) = limit.checked_sub(began.elapsed()) else {
                return;
            };
            let waited = self.progress.wait_timeout(written, rest);
            (written, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn has_caught_up(&self, written: u64, lines: u64) -> bool {
        let dropped = self.queue_full();
        let is_reported = self.reported.load(Ordering::Acquire) == dropped;
        written + dropped as u64 >= lines && is_reported
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line without the escape sequences of colours, which are for a terminal. Events hold none: what they hold is escaped.
fn without_colours(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line.iter();
    while let Some(byte) = rest.next() {
        if *byte == 0x1b {
            rest.by_ref().find(|byte| **byte == b'm');
        } else {
            plain.push(*byte);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logger::file::Rotation;

    #[test]
    fn a_file_holds_no_colours() {
        assert_eq!(without_colours(b"\x1b[32m INFO\x1b[0m a\n"), b" INFO a\n");
    }

    /// The file of a day that is over: its next line needs a new file, for which there is no folder.
    #[test]
    fn a_file_is_written_again_once_it_can_be_also_if_nothing_is_logged() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("logs");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("a.log");
        let file = LogFile::open(&path, Rotation::Daily, 1, SystemTime::UNIX_EPOCH).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let (mut output, written) = Output::new();
        written.set_target(Target::File(file));
        output.write_all(b"a line for stderr\n").unwrap();
        assert!(written.fault().unwrap().ends_with("/logs` does not exist"));
        written.retry();
        assert!(written.fault().is_some());
        std::fs::create_dir(&folder).unwrap();
        written.retry();
        assert_eq!(written.fault(), None);
        assert_eq!(written.dropped(), 0);
    }
}
