//! The folder of the sockets: private, and of one instance of the app.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::net::UnixListener;

use crate::processes::ProcessId;

/// The longest path of a socket in bytes: that of the address, without the zero at its end.
const LONGEST_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

/// The room that the name of a socket takes: a separator and ten digits.
const NAME: usize = 11;

/// What to do about a folder that can't be used.
const OTHER: &str =
    "let this user and no other use it, or set `processes.folder` to another folder";

/// What is wrong with a folder, and what to do about it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) wrong: String,
    pub(super) help: &'static str,
    /// Another instance uses it, and nothing else is wrong.
    pub(super) is_taken: bool,
}

/// How many instances of an app on one database have a folder without a setting.
const INSTANCES: u32 = 100;

/// A folder that this instance has locked.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked until it is closed. The system closes it when the process dies.
    lock: Mutex<Option<File>>,
}

impl Folder {
    /// Creates the folder if it does not exist, checks that it is private, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let wrong = |what: String, help| Fault {
            wrong: format!("can't use the folder `{}`: {what}", path.display()),
            help,
            is_taken: false,
        };
        let found = private(path).map_err(|what| wrong(what, OTHER))?;
        let length = found.as_os_str().len() + NAME;
        if length > LONGEST_PATH {
            let what = format!(
                "paths of sockets in it have {length} bytes, more than the {LONGEST_PATH} of the system"
            );
            return Err(wrong(what, "set `processes.folder` to a shorter path"));
        }
        let lock = File::create(found.join("lock"));
        let lock = lock.map_err(|error| wrong(error.to_string(), OTHER))?;
        if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(wrong(format!("it can't be locked: {error}"), OTHER));
            }
            let what = "another instance of the app uses it".to_owned();
            let help =
                "end the other instance, or set `processes.folder` to another folder for each";
            return Err(Fault {
                is_taken: true,
                ..wrong(what, help)
            });
        }
        Ok(Self {
            path: found,
            lock: Mutex::new(Some(lock)),
        })
    }

    /// Opens the first folder that no other instance uses: the path itself, or the path with a number.
    pub(super) fn open_free(path: &Path) -> Result<Self, Fault> {
        let mut number = 1;
        loop {
            let mut name = path.as_os_str().to_owned();
            if number > 1 {
                name.push(format!("-{number}"));
            }
            match Self::open(Path::new(&name)) {
                Err(fault) if fault.is_taken && number < INSTANCES => number += 1,
                result => return result,
            }
        }
    }

    /// Lets another instance use the folder, also the next one in this process.
    pub(super) fn unlock(&self) {
        self.lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Returns whether a folder that another instance has used is used by none.
    pub(super) fn is_unused(path: &Path) -> bool {
        match File::open(path.join("lock")) {
            Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockShared).is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn socket(&self, id: ProcessId) -> PathBuf {
        self.path.join(id.to_string())
    }

    /// Listens at the path of a process, which is the same after each start of the service.
    pub(super) fn listen(&self, id: ProcessId) -> io::Result<UnixListener> {
        self.remove(id);
        UnixListener::bind(self.socket(id))
    }

    /// Removes the socket of a process that has ended.
    pub(super) fn remove(&self, id: ProcessId) {
        // An error is that there is none, or one that `bind` reports.
        let _ = fs::remove_file(self.socket(id));
    }
}

/// Returns the folder without links and relative parts, if only this user can enter it.
fn private(path: &Path) -> Result<PathBuf, String> {
    let text = |error: io::Error| error.to_string();
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(text(error)),
        _ => {}
    }
    // Not that of a link: another user could change where it leads.
    let found = fs::symlink_metadata(path).map_err(text)?;
    if !found.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user".to_owned());
    }
    // Not changed here: it may be one that others need.
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("other users may enter it (its mode is {mode:o})"));
    }
    path.canonicalize().map_err(text)
}
