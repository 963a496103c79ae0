//! Disks that are full or read-only, and files that another process locks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// Another process, as far as `SQLite` is concerned.
pub(crate) async fn other_process(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(Duration::from_secs(1));
    options.connect().await.unwrap()
}

/// A file system of its own, which is unmounted when it is dropped.
pub(crate) struct Mount(tempfile::TempDir);

impl Mount {
    /// Returns `None` if this user can't mount.
    pub(crate) fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: this user can't mount a file system");
        }
        mounted.then(|| Self(folder))
    }

    pub(crate) fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        let status = mount
            .args(["-o", &format!("remount,{options}")])
            .arg(self.0.path())
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("app.db")
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Makes a file immutable, as a disk that has become read-only does. Returns false if the file system can't.
pub(crate) fn set_immutable(file: &Path, immutable: bool) -> bool {
    let mut chattr = Command::new("chattr");
    chattr.arg(if immutable { "+i" } else { "-i" }).arg(file);
    let changed = chattr.output().is_ok_and(|output| output.status.success());
    if !changed {
        eprintln!("skipped: this user or this file system can't make a file immutable");
    }
    changed
}
