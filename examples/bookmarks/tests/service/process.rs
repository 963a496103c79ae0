//! The service as a process, and clients of it.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// No service lives longer than this, so that one that hangs fails its test.
const DEADLINE: Duration = Duration::from_mins(2);

/// A process that does not outlive its test.
pub struct Process {
    pub child: Child,
    _ended: mpsc::Sender<()>,
}

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        let id = child.id();
        let (ended, end) = mpsc::channel::<()>();
        thread::spawn(move || {
            if end.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
                send("-KILL", id);
            }
        });
        Self {
            child,
            _ended: ended,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing if it has ended, and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Service {
    pub process: Process,
    pub address: String,
    /// Its log, read by a separate thread, so that it never waits for a reader.
    lines: Mutex<mpsc::Receiver<String>>,
    log: Vec<String>,
}

impl Service {
    /// Starts the service on a free port, with its database in `folder`.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(&mut command(folder))
    }

    pub fn start_with(command: &mut Command) -> Self {
        let mut process = Process::spawn(
            command
                .env("BOOKMARKS_HTTP__LISTEN", "127.0.0.1:0")
                .stderr(Stdio::piped()),
        );
        let stderr = BufReader::new(process.child.stderr.take().unwrap());
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut read = stderr.lines().map_while(Result::ok);
            while read.next().is_some_and(|next| line.send(next).is_ok()) {}
        });
        let mut service = Self {
            process,
            address: String::new(),
            lines: Mutex::new(lines),
            log: Vec::new(),
        };
        service.address = service.wait_for("listening on ");
        // It accepts already, but a signal would interrupt the boot.
        service.wait_for("bootstrap: boot ");
        service
    }

    /// Waits for a line of its log with this text, and returns the rest of that line.
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.get_mut().unwrap().recv();
            let line = line.unwrap_or_else(|_| panic!("no `{words}`: {:#?}", self.log));
            let rest = line.split_once(words).map(|(_, rest)| rest.to_owned());
            self.log.push(line);
            if let Some(rest) = rest {
                return rest;
            }
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    pub fn terminate(&self) {
        send("-TERM", self.process.child.id());
    }

    /// Sends `text` on a connection of its own, which stays open.
    pub fn send(&self, text: &str) -> TcpStream {
        let address = self.address.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.write_all(text.as_bytes()).unwrap();
        connection
    }

    /// Sends SIGTERM and waits for the end; returns the log.
    pub fn stop(self) -> Vec<String> {
        self.terminate();
        self.wait()
    }

    /// Waits for the end, which must be successful.
    pub fn wait(mut self) -> Vec<String> {
        let status = self.process.child.wait().unwrap();
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.lines.get_mut().unwrap().iter());
        assert_eq!(status.code(), Some(0), "{log:#?}");
        log
    }
}

pub fn command(folder: &Path) -> Command {
    let mut command = with_signals(env!("CARGO_BIN_EXE_bookmarks"));
    in_folder(&mut command, folder);
    command
}

/// A command that handles SIGINT and SIGHUP as usual. If the tests run in the background of a shell, or
/// under `nohup`, these signals are ignored, and a child process would inherit that.
fn with_signals(program: &str) -> Command {
    let is_ignored = |line: &str| {
        let mask = line.strip_prefix("SigIgn:")?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(is_ignored).unwrap_or(0);
    if ignored.trailing_zeros() >= 2 {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", program]);
    command
}

/// The service with what a shell sets up before it: limits, redirections.
pub fn command_after(folder: &Path, preparation: &str) -> Command {
    let mut command = with_signals("sh");
    let script = format!("{preparation}; exec \"$0\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_bookmarks")]);
    in_folder(&mut command, folder);
    command
}

fn in_folder(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env_remove("RUST_LOG");
    command.env("BOOKMARKS_HTTP__DRAIN_DELAY", "0s");
    // Services that run at the same time share no port, also if they fail right after they have bound it.
    command.env("BOOKMARKS_HTTP__LISTEN", "127.0.0.1:0");
}

pub fn send(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Returns the log of a service that does not boot.
pub fn failed_boot(command: &mut Command) -> String {
    failed(command, 1)
}

/// Returns the log of a service with a wrong configuration: none of its hooks has run.
pub fn misconfigured(command: &mut Command) -> String {
    failed(command, 78)
}

fn failed(command: &mut Command, code: i32) -> String {
    let mut process = Process::spawn(command.stderr(Stdio::piped()));
    let mut text = String::new();
    let stderr = process.child.stderr.take();
    stderr.unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(process.child.wait().unwrap().code(), Some(code), "{text}");
    text
}

/// Answers with an error code are answers; nothing waits longer than this.
pub fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

pub fn get(agent: &Agent, url: &str) -> (u16, Value) {
    let mut response = agent.get(url).call().unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_json().unwrap(),
    )
}

/// The answer of the readiness probe: its code and its text.
pub fn probe(agent: &Agent, service: &Service) -> (u16, String) {
    let mut response = agent.get(service.url("/readyz")).call().unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_to_string().unwrap(),
    )
}

pub fn add(agent: &Agent, service: &Service, url: &str, tags: &[&str]) -> (u16, Value) {
    let body = json!({ "url": url, "title": "a title", "tags": tags });
    let mut response = agent
        .post(service.url("/bookmarks"))
        .send_json(body)
        .unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_json().unwrap(),
    )
}

pub fn urls(list: &Value) -> Vec<String> {
    let of = |bookmark: &Value| bookmark["url"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(of).collect()
}

/// Half a request: its body never comes.
pub const HALF_A_BODY: &str = "POST /bookmarks HTTP/1.1\r\nhost: x\r\n\
    content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"url\"";

/// Waits until the service has accepted what was connected before: it accepts in order.
pub fn wait_until_accepted(service: &Service) {
    assert_eq!(probe(&agent(), service).0, 200);
}

/// Reads an answer after which the service closes the connection: its first line, and its body.
pub fn answer(mut connection: TcpStream) -> (String, String) {
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
