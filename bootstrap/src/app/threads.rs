//! The threads of this process, as Linux lists them.
//!
//! tokio does not say whether the shutdown of a runtime still waits for a thread, so the guard
//! looks at what the system knows: which threads with the name of the runtime's are there, and
//! whether the main thread waits. Where there is no such list, each question has no answer.

use std::fs;
use std::path::{Path, PathBuf};

const THREADS: &str = "/proc/self/task";

/// How many bytes of a thread's name the system keeps.
const KEPT: usize = 15;

/// Threads that were there when they were listed.
pub(super) struct Threads(Vec<PathBuf>);

impl Threads {
    /// The threads that have a name, whatever the number at its end. `None` if there is no list.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = kept(name);
        let listed = fs::read_dir(THREADS).ok()?;
        let paths = listed.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let has_name = |path: &PathBuf| name_of(path).is_some_and(|it| kept(&it) == name);
        Some(Self(paths.filter(has_name).collect()))
    }

    /// How many of them have not ended.
    pub(super) fn remaining(&mut self) -> usize {
        self.0.retain(|path| path.exists());
        self.0.len()
    }
}

fn name_of(thread: &Path) -> Option<String> {
    let name = fs::read(thread.join("comm")).ok()?;
    Some(
        String::from_utf8_lossy(&name)
            .trim_end_matches('\n')
            .to_owned(),
    )
}

/// What can be compared of the name of a thread.
fn kept(name: &str) -> String {
    let bytes = &name.as_bytes()[..name.len().min(KEPT)];
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches(|c: char| c.is_ascii_digit())
        .to_owned()
}

/// What the main thread has done so far: how often it has been switched. It differs from an
/// earlier look if the thread has run in between.
#[derive(PartialEq, Eq)]
pub(super) struct MainThread(Option<Vec<String>>);

impl MainThread {
    pub(super) fn look() -> Self {
        let status = fs::read_to_string(Self::path().join("status")).ok();
        Self(status.map(|status| {
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            lines.map(str::to_owned).collect()
        }))
    }

    /// Whether it may be waiting for another thread, as the shutdown of a runtime does. A thread that
    /// sleeps, or waits for a socket, does not.
    pub(super) fn may_wait() -> bool {
        let at = fs::read_to_string(Self::path().join("wchan")).unwrap_or_default();
        // Some systems keep the place to themselves: empty, or `0`.
        at.is_empty() || at == "0" || at.contains("futex")
    }

    /// The main thread has the number of the process.
    fn path() -> PathBuf {
        Path::new(THREADS).join(std::process::id().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_threads_are_compared_without_their_numbers() {
        assert_eq!(kept("tokio-rt-worker"), "tokio-rt-worker");
        assert_eq!(kept("tokio-runtime-worker"), "tokio-runtime-w");
        assert_eq!(kept("pool-12"), "pool-");
        assert_eq!(kept("a-pool-of-our-own-7"), kept("a-pool-of-our-own-12"));
        assert_ne!(kept("pool-1"), kept("loop-1"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_is_listed_until_it_has_ended() {
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let (began, begins) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("one-of-a-kind".into());
        let thread = thread.spawn(move || {
            began.send(()).unwrap();
            let _ = ends.recv();
        });
        begins.recv().unwrap();
        let mut threads = Threads::named("one-of-a-kind").unwrap();
        assert_eq!(threads.remaining(), 1);
        drop(end);
        thread.unwrap().join().unwrap();
        // The system may list it for a moment longer.
        while threads.remaining() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(Threads::named("none-of-this-kind").unwrap().remaining(), 0);
    }
}
