//! A file of the log, with a new one each day or hour.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::calendar::date;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// When a new file of the log begins: the key `log.rotation`. Days and hours are those of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Rotation {
    /// Never: the log is one file.
    #[default]
    Never,
    /// Each day: `service.log.2026-11-29`.
    Daily,
    /// Each hour: `service.log.2026-11-29-13`.
    Hourly,
}

impl Rotation {
    /// What the name of the file of this time ends with.
    fn suffix(self, now: SystemTime) -> Option<String> {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let seconds = since.as_secs();
        let (year, month, day) = date(seconds / DAY);
        let hour = seconds % DAY / HOUR;
        match self {
            Self::Never => None,
            Self::Daily => Some(format!("{year:04}-{month:02}-{day:02}")),
            Self::Hourly => Some(format!("{year:04}-{month:02}-{day:02}-{hour:02}")),
        }
    }

    /// Whether the name of a file could end with this.
    fn is_suffix(self, text: &str) -> bool {
        let shape = match self {
            Self::Never => return false,
            Self::Daily => "0000-00-00",
            Self::Hourly => "0000-00-00-00",
        };
        let is_alike = |(c, like): (char, char)| c == like || (like == '0' && c.is_ascii_digit());
        text.len() == shape.len() && text.chars().zip(shape.chars()).all(is_alike)
    }
}

/// The file of the log that lines are appended to.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    keep: usize,
    suffix: Option<String>,
    file: File,
    /// Whether the last line was written in part.
    is_torn: bool,
}

impl LogFile {
    /// Opens the file of this time, and deletes old ones but the newest `keep`.
    pub(super) fn open(
        path: &Path,
        rotation: Rotation,
        keep: usize,
        now: SystemTime,
    ) -> io::Result<Self> {
        let suffix = rotation.suffix(now);
        let file = append(&named(path, suffix.as_deref()))?;
        let log = Self {
            path: path.to_owned(),
            rotation,
            keep,
            suffix,
            file,
            is_torn: false,
        };
        log.prune();
        Ok(log)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line to the file of this time.
    pub(super) fn write(&mut self, line: &[u8], now: SystemTime) -> io::Result<()> {
        if self.rotation.suffix(now) != self.suffix {
            *self = Self::open(&self.path, self.rotation, self.keep, now)?;
        }
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_torn |= rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Deletes old files. One that can't be deleted is tried again when the next file begins.
    fn prune(&self) {
        // Not the current one: if the clock was ahead and is right again, there are files with later names.
        let current = named(&self.path, self.suffix.as_deref());
        let mut files = self.files();
        files.retain(|file| file.file_name() != current.file_name());
        files.sort();
        let surplus = files.len().saturating_sub(self.keep.saturating_sub(1));
        for file in &files[..surplus] {
            let _ = fs::remove_file(file);
        }
    }

    /// The files of this log, by the exact shape of their names: a folder may hold others with names that are alike.
    fn files(&self) -> Vec<PathBuf> {
        let Some(name) = self.path.file_name().and_then(|name| name.to_str()) else {
            return Vec::new();
        };
        let is_of_log = |file: &PathBuf| {
            let other = file.file_name().and_then(|name| name.to_str());
            let suffix = other.and_then(|other| other.strip_prefix(name)?.strip_prefix('.'));
            suffix.is_some_and(|suffix| self.rotation.is_suffix(suffix)) && file.is_file()
        };
        let Ok(entries) = fs::read_dir(folder(&self.path)) else {
            return Vec::new();
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(is_of_log).collect()
    }
}

fn named(path: &Path, suffix: Option<&str>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if let Some(suffix) = suffix {
        name.push(".");
        name.push(suffix);
    }
    name.into()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Opens a file at its end. A pipe is refused: to open one waits for its reader.
fn append(path: &Path) -> io::Result<File> {
    let folder = folder(path);
    if !folder.is_dir() {
        let problem = format!("the folder `{}` does not exist", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let problem = format!("`{}` is a folder", path.display());
            Err(io::Error::new(io::ErrorKind::IsADirectory, problem))
        }
        Ok(found) if !found.is_file() && !is_character_device(&found) => {
            let problem = format!("`{}` is neither a file nor a device", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
        }
        _ => OpenOptions::new().append(true).create(true).open(path),
    }
}

#[cfg(unix)]
fn is_character_device(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    found.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_character_device(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// 2024-02-29T23:59:59Z.
    const LEAP: u64 = 1_709_251_199;

    #[test]
    fn names_end_with_the_date_of_utc() {
        assert_eq!(Rotation::Never.suffix(at(LEAP)), None);
        let names = [0, LEAP, LEAP + 1, 1_796_000_000].map(|seconds| {
            let suffix = Rotation::Hourly.suffix(at(seconds));
            suffix.unwrap()
        });
        let expected = [
            "1970-01-01-00",
            "2024-02-29-23",
            "2024-03-01-00",
            "2026-11-30-00",
        ];
        assert_eq!(names[..3], expected[..3]);
        assert!(Rotation::Hourly.is_suffix(&names[3]));
        assert!(Rotation::Daily.is_suffix("2024-02-29"));
        assert!(!Rotation::Daily.is_suffix("2024-02-29-23"));
        assert!(!Rotation::Daily.is_suffix("2024-02-2x"));
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<_> = entries.map(|entry| name(entry).unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_day_begins_a_file_and_deletes_the_oldest_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(folder.path().join("a.log.bak"), "mine").unwrap();
        fs::write(folder.path().join("a.logs.2024-01-01"), "mine").unwrap();
        let mut log = LogFile::open(&path, Rotation::Daily, 2, at(LEAP)).unwrap();
        for day in 0..3 {
            log.write(b"line\n", at(LEAP + day * DAY)).unwrap();
            log.write(b"line\n", at(LEAP + day * DAY)).unwrap();
        }
        assert_eq!(
            names(folder.path()),
            [
                "a.log.2024-03-01",
                "a.log.2024-03-02",
                "a.log.bak",
                "a.logs.2024-01-01"
            ]
        );
        let newest = fs::read_to_string(folder.path().join("a.log.2024-03-02")).unwrap();
        assert_eq!(newest, "line\nline\n");
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_delete_the_file_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = LogFile::open(&path, Rotation::Daily, 1, at(LEAP + 90 * DAY)).unwrap();
        log.write(b"line\n", at(LEAP)).unwrap();
        let written = fs::read_to_string(folder.path().join("a.log.2024-02-29"));
        assert_eq!(written.unwrap(), "line\n");
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &Path| LogFile::open(path, Rotation::Never, 1, at(0)).map(|_| ());
        let error = open(&folder.path().join("no/a.log"))
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("/no` does not exist"), "{error}");
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("is a folder"), "{error}");
    }
}
