//! The log decides nothing: the service works with any stderr.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Process, agent, command, command_after, get, send};

const DEADLINE: Duration = Duration::from_mins(1);

/// A service whose log can't be read, so that its address is chosen before.
struct Mute {
    process: Process,
    address: String,
}

impl Mute {
    fn start(command: &mut Command) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = port.unwrap().to_string();
        let mute = Self {
            process: Process::spawn(command.env("BOOKMARKS_HTTP__LISTEN", &address)),
            address: format!("http://{address}"),
        };
        let began = Instant::now();
        while agent()
            .get(format!("{}/readyz", mute.address))
            .call()
            .is_err()
        {
            assert!(began.elapsed() < DEADLINE, "it does not listen");
            thread::park_timeout(Duration::from_millis(10));
        }
        mute
    }

    fn stop(mut self) {
        send("-TERM", self.process.child.id());
        assert_eq!(self.process.child.wait().unwrap().code(), Some(0));
    }
}

fn serves(command: &mut Command) {
    let mute = Mute::start(command.env("RUST_LOG", "debug"));
    let url = format!("{}/bookmarks", mute.address);
    assert_eq!(get(&agent(), &url).0, 200);
    mute.stop();
}

#[test]
fn a_service_serves_with_a_stderr_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    serves(&mut command_after(folder.path(), "exec 2>/dev/full"));
}

#[test]
fn a_service_serves_with_a_stderr_that_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    serves(&mut command_after(folder.path(), "exec 2>&-"));
    serves(&mut command_after(folder.path(), "exec 2>&- >&- <&-"));
}

#[test]
fn a_service_serves_with_a_pipe_that_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    serves(command(folder.path()).stderr(Stdio::from(writer)));
}

/// A pipe holds 64 KiB. The service works and ends although nothing reads it.
#[test]
fn a_service_serves_with_a_pipe_that_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut start = command(folder.path());
    start.stderr(writer.try_clone().unwrap()).stdout(writer);
    let mute = Mute::start(start.env("RUST_LOG", "trace"));
    for n in 0..200 {
        let url = format!("{}/bookmarks?tag={n}{}", mute.address, "x".repeat(1_000));
        assert_eq!(get(&agent(), &url).0, 200);
    }
    mute.stop();
    drop(reader);
}
