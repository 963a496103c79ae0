//! What the configuration says about the log.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::logger::file::{LogFile, Rotation};
use crate::logger::format::LogFormat;
use crate::logger::output::Target;

/// The settings of one app. Two apps of a process agree if these are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) level: String,
    pub(super) format: LogFormat,
    /// Empty: stderr.
    pub(super) file: PathBuf,
    pub(super) rotation: Rotation,
    pub(super) keep: NonZeroUsize,
}

impl Settings {
    /// Opens what lines go to. Blocks.
    pub(super) fn open(&self) -> std::io::Result<Target> {
        if self.file.as_os_str().is_empty() {
            return Ok(Target::Stderr);
        }
        // Not the clock of the services: the log is there before an app has one.
        let file = LogFile::open(
            &self.file,
            self.rotation,
            self.keep.get(),
            SystemTime::now(),
        );
        Ok(Target::File(file?))
    }
}
