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

/// Threads with one name that were there when they were listed.
pub(super) struct Threads {
    listed: Vec<PathBuf>,
    name: String,
}

impl Threads {
    /// The threads that have a name, whatever the number at its end. `None` if there is no list.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut listed = list()?;
        // Linux cuts a list short when a thread ends meanwhile, so it is read until nothing changes.
        for _ in 0..MOST_LISTS {
            let again = list()?;
            let is_new = |path: &&PathBuf| !listed.contains(path);
            let new: Vec<PathBuf> = again.iter().filter(is_new).cloned().collect();
            let is_same = again.len() == listed.len() && new.is_empty();
            listed.extend(new);
            if is_same {
                break;
            }
            listed.retain(|path| path.exists());
        }
        let name = kept(name);
        let mut threads = Self { listed, name };
        threads.remaining();
        Some(threads)
    }

    /// How many of them have not ended. A new thread has the name of the thread that made it until it
    /// sets its own, so the names are compared each time.
    pub(super) fn remaining(&mut self) -> usize {
        let name = &self.name;
        let has_name = |path: &PathBuf| name_of(path).is_some_and(|it| kept(&it) == *name);
        self.listed.retain(has_name);
        self.listed.len()
    }
}

/// How often threads are listed at most.
const MOST_LISTS: usize = 20;

fn list() -> Option<Vec<PathBuf>> {
    let entries = fs::read_dir(THREADS).ok()?;
    Some(
        entries
            .filter_map(|it| it.ok().map(|it| it.path()))
            .collect(),
    )
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

/// A thread that may wait for the shutdown of a runtime: the main thread, or the one that ran
/// [`App::run`](crate::App::run).
pub(super) struct Waiter(PathBuf);

impl Waiter {
    /// The main thread, which has the number of the process.
    pub(super) fn main() -> Self {
        Self(Path::new(THREADS).join(std::process::id().to_string()))
    }

    /// This thread.
    pub(super) fn this() -> Option<Self> {
        let this = fs::read_link("/proc/thread-self").ok()?;
        Some(Self(Path::new(THREADS).join(this.file_name()?)))
    }

    /// Whether it is one of the threads with this name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        name_of(&self.0).is_some_and(|it| kept(&it) == kept(name))
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.0.exists()
    }

    /// How often it has been switched: it differs from an earlier look if the thread has run in
    /// between.
    pub(super) fn switches(&self) -> Option<Vec<String>> {
        let status = fs::read_to_string(self.0.join("status")).ok()?;
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        Some(lines.map(str::to_owned).collect())
    }

    /// Whether it may be waiting for another thread, as the shutdown of a runtime does. A thread that
    /// runs, sleeps, or waits for a socket, does not.
    pub(super) fn may_wait(&self) -> bool {
        let status = fs::read_to_string(self.0.join("status")).unwrap_or_default();
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        if state.is_some_and(|state| !state.trim_start().starts_with('S')) {
            return false;
        }
        let at = fs::read_to_string(self.0.join("wchan")).unwrap_or_default();
        // Some systems keep the place to themselves: empty, or `0`.
        at.is_empty() || at == "0" || at.contains("futex")
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

    /// A new thread has the name of the one that made it until it runs.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_gets_a_name_of_its_own_later_is_not_counted() {
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let (began, begins) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("not-yet-named".into());
        let thread = thread.spawn(move || {
            began.send(fs::read_link("/proc/thread-self")).unwrap();
            let _ = ends.recv();
        });
        let this = begins.recv().unwrap().unwrap();
        let mut threads = Threads::named("not-yet-named").unwrap();
        assert_eq!(threads.remaining(), 1);
        fs::write(Path::new("/proc").join(this).join("comm"), "named").unwrap();
        assert_eq!(threads.remaining(), 0);
        drop(end);
        thread.unwrap().join().unwrap();
    }
}
