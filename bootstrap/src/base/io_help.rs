//! What to do about an error of the operating system: chosen by its cause, wherever it turns up.

use std::io::{self, ErrorKind};

/// `EMFILE`, `ENFILE` and `EAGAIN` have no kinds of their own; the first two have the same number on
/// every Unix.
#[cfg(unix)]
const TOO_MANY_FILES_OF_THE_PROCESS: i32 = 24;
#[cfg(unix)]
const TOO_MANY_FILES_OF_THE_SYSTEM: i32 = 23;

/// What to do, for errors whose cause says that. `None` for those that depend on what was tried.
pub(crate) fn help_with_io(error: &io::Error) -> Option<&'static str> {
    #[cfg(unix)]
    match error.raw_os_error() {
        Some(TOO_MANY_FILES_OF_THE_PROCESS) => {
            return Some(
                "the process has as many files and sockets open as it may: raise that limit \
                 (`ulimit -n`, `LimitNOFILE=` of systemd)",
            );
        }
        Some(TOO_MANY_FILES_OF_THE_SYSTEM) => {
            return Some(
                "the system has as many files open as it may: close some, or raise that limit \
                 (`fs.file-max` of Linux)",
            );
        }
        _ => {}
    }
    Some(match error.kind() {
        ErrorKind::PermissionDenied => {
            "the user that the process runs as may not do this: grant that, or run it as another"
        }
        ErrorKind::AddrInUse => {
            "another process has this address: end that, or configure another address"
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address: configure one that it has"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space where it writes",
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: mount it for writing, or configure another place"
        }
        ErrorKind::OutOfMemory => "give the process more memory",
        _ => return None,
    })
}

/// What to do about a thread that can't be spawned.
pub(crate) fn help_with_thread(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        // Linux has one number for this and for I/O that would block.
        ErrorKind::WouldBlock => Some(
            "the process has as many threads as it may: raise that limit (`ulimit -u`, `TasksMax=` \
             of systemd, `pids.max` of its cgroup)",
        ),
        _ => help_with_io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn help_follows_from_the_cause() {
        let begins = |number: i32, words: &str| {
            let help = help_with_io(&io::Error::from_raw_os_error(number));
            assert!(
                help.is_some_and(|it| it.starts_with(words)),
                "{number}: {help:?}"
            );
        };
        begins(24, "the process has as many files");
        begins(23, "the system has as many files");
        begins(13, "the user that the process runs as");
        begins(1, "the user that the process runs as");
        #[cfg(target_os = "linux")]
        {
            begins(98, "another process has this address");
            begins(99, "this machine has no such address");
            begins(28, "free some space");
            begins(122, "free some space");
            begins(30, "the file system is read-only");
            begins(12, "give the process more memory");
            let again = io::Error::from_raw_os_error(11);
            assert_eq!(help_with_io(&again), None);
            assert!(help_with_thread(&again).is_some_and(|it| it.contains("threads")));
        }
        assert_eq!(help_with_io(&ErrorKind::NotFound.into()), None);
        assert_eq!(help_with_io(&io::Error::other("something")), None);
    }
}
