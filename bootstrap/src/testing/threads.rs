//! What Linux says of this process: whether other threads have something to do, and what it holds.

/// Whether any thread but this one runs, or waits for a disk. `false` where that can't be known.
#[cfg(target_os = "linux")]
pub(super) fn is_any_busy() -> bool {
    use std::fs;

    let Ok(me) = fs::read_link("/proc/thread-self") else {
        return false;
    };
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return false;
    };
    let others = threads
        .flatten()
        .filter(|thread| Some(thread.file_name().as_os_str()) != me.file_name());
    let mut stats = others.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stats.any(|stat| is_busy(&stat))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_any_busy() -> bool {
    false
}

/// `R` runs, `D` waits for a disk. The state stands behind the name, which is in brackets and may have
/// some itself.
#[cfg(target_os = "linux")]
fn is_busy(stat: &str) -> bool {
    let state = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest.trim_start());
    state.starts_with(['R', 'D'])
}

/// How many threads and file descriptors this process has; nothing where that can't be known.
pub(super) fn counts() -> [Option<usize>; 2] {
    let count = |folder| std::fs::read_dir(folder).ok().map(Iterator::count);
    if cfg!(target_os = "linux") {
        [count("/proc/self/task"), count("/proc/self/fd")]
    } else {
        [None, None]
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_thread_stands_behind_its_name() {
        assert!(is_busy("71 (worker) R 1 71 0"));
        assert!(is_busy("71 (a (b) S c) D 1 71 0"));
        assert!(!is_busy("71 (R) S 1 71 0"));
        assert!(!is_busy(""));
    }
}
