//! What Linux reports about a process in `/proc/<pid>/stat`.

use std::io;

/// Returns the fields after the name of the program: the state of the process is the first.
///
/// The name is in parentheses and may contain anything. The system cuts it after 15 bytes, so it may not be valid UTF-8.
pub(crate) fn fields(pid: u32) -> io::Result<Vec<String>> {
    let line = std::fs::read(format!("/proc/{pid}/stat"))?;
    let line = String::from_utf8_lossy(&line);
    let (_, fields) = line.rsplit_once(')').ok_or(io::ErrorKind::InvalidData)?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

/// Whether a state is that of a process that runs, and not of one that has ended and whose parent has not noticed.
pub(crate) fn is_alive(state: &str) -> bool {
    !matches!(state, "Z" | "X" | "x")
}
