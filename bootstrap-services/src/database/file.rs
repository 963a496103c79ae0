//! The file of a database: what can be said about it before `SQLite` opens it, and whether it is still there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io, process};

/// The path of the file, and which file was found there.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    pub(crate) path: PathBuf,
    identity: Option<Identity>,
    /// Removed with its content when the database is dropped.
    folder: Option<TemporaryFolder>,
}

impl DatabaseFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self {
            path,
            identity: None,
            folder: None,
        }
    }

    /// A file that only this database uses.
    pub(crate) fn temporary() -> io::Result<Self> {
        let folder = TemporaryFolder::new()?;
        let mut file = Self::at(folder.0.join("database"));
        file.folder = Some(folder);
        Ok(file)
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.folder.is_some()
    }

    /// Remembers which file the connections have opened.
    pub(crate) fn opened(&mut self) {
        self.identity = Identity::of(&self.path);
    }

    /// Whether the path still leads to the file that the connections have opened.
    pub(crate) fn is_there(&self) -> bool {
        let found = Identity::of(&self.path);
        found.is_some() && found == self.identity
    }
}

/// What distinguishes a file from another one at the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self(found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|_| Self(0, 0))
    }
}

#[derive(Debug)]
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Creates a folder that only this user can enter.
    fn new() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("bootstrap-database-{}-{number}", process::id());
            let path = memory_folder().join(name);
            match create_private(&path) {
                Ok(()) => return Ok(Self(path)),
                // A process with the same id left it behind.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        if let Err(error) = removed {
            tracing::warn!(folder = %self.0.display(), %error, "can't remove the folder of a temporary database");
        }
    }
}

/// A folder in memory if the system has one: creating a database syncs a disk several times, which takes longer than most tests.
fn memory_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if can_write(memory).is_ok() && memory.is_dir() {
        return memory.to_owned();
    }
    env::temp_dir()
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// What is wrong with a path, and what to do about it. `SQLite` would report both as a number.
pub(crate) struct PathFault {
    pub(crate) wrong: String,
    pub(crate) help: String,
}

/// Checks that a database can be at this path.
pub(crate) fn check(path: &Path) -> Result<(), PathFault> {
    let fault = |wrong: &str, help: &str| {
        Err(PathFault {
            wrong: format!("can't open the database `{}`: {wrong}", path.display()),
            help: help.to_owned(),
        })
    };
    if path.file_name().is_none() {
        return fault(
            "it is not the path of a file",
            "set `database.file` to one, as `app.db`, or to `:memory:`",
        );
    }
    let folder = path.parent().unwrap_or(path);
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        let wrong = format!("the folder `{}` does not exist", folder.display());
        return fault(
            &wrong,
            "create the folder, or set `database.file` to another file",
        );
    }
    if let Err(error) = can_write(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }) {
        let wrong = format!("this user can't write to its folder: {error}");
        return fault(
            &wrong,
            "let this user write to the folder, or set `database.file` to another file",
        );
    }
    // If the metadata can't be read, `SQLite` reports why.
    let Ok(found) = fs::metadata(path) else {
        return Ok(());
    };
    if found.is_dir() {
        return fault("it is a folder", "set `database.file` to a file in it");
    }
    if !found.is_file() {
        return fault(
            "it is not a regular file",
            "set `database.file` to another one",
        );
    }
    if found.permissions().readonly() {
        return fault(
            "it is read-only",
            "let this user write to it, or set `database.file` to another file",
        );
    }
    Ok(())
}

#[cfg(unix)]
fn can_write(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)?)
}

#[cfg(not(unix))]
fn can_write(_: &Path) -> io::Result<()> {
    Ok(())
}

/// How much room a check takes: more than a transaction of usual size adds to the log.
const ROOM: usize = 64 << 10;

/// Writes a file beside the database, and removes it. It has no name while it takes room: nothing stays behind if the process is killed.
#[cfg(unix)]
pub(crate) fn take_room(database: &Path) -> io::Result<()> {
    use std::io::Write as _;
    let mut path = database.canonicalize()?.into_os_string();
    path.push("-room");
    let mut file = fs::File::create(&path)?;
    match fs::remove_file(&path) {
        // Another process that checks the same database was faster.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => file.write_all(&vec![0; ROOM]),
    }
}

#[cfg(not(unix))]
pub(crate) fn take_room(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the process can't open as many files as the connections need, three each. `SQLite` does not report why
/// it can't open a file, and some connections may have been closed already.
pub(crate) fn is_out_of_files() -> bool {
    const NEEDED: usize = 15;
    // `ENFILE`, `EMFILE`
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    let files: io::Result<Vec<_>> = (0..NEEDED).map(|_| fs::File::open("/dev/null")).collect();
    let number = files.err().and_then(|error| error.raw_os_error());
    number.is_some_and(|number| TOO_MANY_FILES.contains(&number))
}
