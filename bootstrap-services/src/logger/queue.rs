//! Lines on their way to the thread that writes them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::fmt::MakeWriter;

/// The end of the queue to which lines are added: never waits, and drops lines if the queue is full.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    lines: NonBlocking,
    accepted: Arc<AtomicU64>,
}

impl Queue {
    pub(super) fn new(lines: NonBlocking) -> Self {
        let accepted = Arc::default();
        Self { lines, accepted }
    }

    /// How many lines were added, those that were dropped included.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.accepted.fetch_add(1, Ordering::AcqRel);
        self.lines.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
