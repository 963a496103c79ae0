//! How programs end: by a signal, and with a service that does not read. The test is the service.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bootstrap_process_client::Channel;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clients::Language;
use crate::support::{LIMIT, signal};

/// Less than the 30 seconds for which the end of a job waits for the service.
const SOON: Duration = Duration::from_secs(20);

/// Polls until there is something.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no runtime in these tests"
)]
fn wait<T>(limit: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        match found() {
            None if began.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
            found => return found,
        }
    }
}

struct Service {
    folder: TempDir,
    listener: UnixListener,
}

impl Service {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("1")).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { folder, listener }
    }

    /// Runs a script with the client of its language.
    fn run(&self, language: Language, script: &str) -> Program {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let client = root.join(language.name());
        let client = client.to_str().unwrap();
        let (program, option, script) = match language {
            Language::Python => {
                let begin = format!(
                    "import os, signal, sys, time; sys.path.insert(0, {client:?}); from bootstrap_process import *"
                );
                ("python3", "-c", format!("{begin}\n{script}"))
            }
            Language::JavaScript | Language::Rust => {
                let begin =
                    format!("const {{ Process, Job }} = require('{client}/bootstrap_process.js');");
                ("node", "-e", format!("{begin}\n{script}"))
            }
        };
        let mut command = Command::new(program);
        let command = command
            .args([option, &script])
            .env("BOOTSTRAP_PROCESS_ID", "1")
            .env("BOOTSTRAP_SOCKET_PATH", self.folder.path().join("1"))
            .env("BOOTSTRAP_TOKEN", "token")
            .env("BOOTSTRAP_METADATA", "null");
        Program(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for a client, and welcomes it.
    fn accept(&self) -> Connection {
        let accepted = wait(LIMIT, || self.listener.accept().ok());
        let (stream, _) = accepted.expect("a client connects");
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut connection = Connection(BufReader::new(stream));
        assert_eq!(connection.read()["type"], "connected");
        connection.send(&json!({ "type": "welcome", "acknowledged": 0 }));
        connection
    }
}

struct Connection(BufReader<UnixStream>);

impl Connection {
    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.0.get_mut().write_all(line.as_bytes()).unwrap();
    }

    fn send_job(&mut self) {
        let job = json!({ "id": "7", "name": "double", "attempt": 1, "payload": 21 });
        self.send(&json!({ "type": "command", "name": "job", "data": job }));
        assert_eq!(self.read()["event"], "started");
    }
}

/// A program, which is killed when this is dropped.
struct Program(Child);

impl Program {
    fn terminate(&self) {
        signal("TERM", i32::try_from(self.0.id()).unwrap());
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        wait(SOON, || self.0.try_wait().unwrap())
    }

    #[track_caller]
    fn succeeds(&mut self) {
        let status = self.ended().expect("it ends soon");
        let errors = std::io::read_to_string(self.0.stderr.take().unwrap()).unwrap();
        assert!(status.success(), "{status}: {errors}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn scripts<'a>(python: &'a str, javascript: &'a str) -> impl Iterator<Item = (Language, &'a str)> {
    let all = [
        (Language::Python, python),
        (Language::JavaScript, javascript),
    ];
    all.into_iter().filter(|(language, _)| language.is_there())
}

#[test]
fn further_signals_change_nothing() {
    let python = "
process = Process()
for _ in range(3):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.01)
assert process.stopping.wait(10)
";
    let javascript = "
const daemon = new Process();
let stops = 0;
daemon.onStop(() => { stops += 1; });
for (let i = 0; i < 3; i++) process.kill(process.pid, 'SIGTERM');
setTimeout(() => process.exit(daemon.stopping && stops === 1 ? 0 : 1), 200);
";
    for (language, script) in scripts(python, javascript) {
        Service::new().run(language, script).succeeds();
    }
}

#[test]
fn a_worker_that_a_python_program_forks_ends_by_the_signal() {
    let python = "
process = Process()
ready, begun = os.pipe()
worker = os.fork()
if worker == 0:
    os.write(begun, b'1')
    time.sleep(5)
    os._exit(0)
os.read(ready, 1)
os.kill(worker, signal.SIGTERM)
_, status = os.waitpid(worker, 0)
assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM, status
assert not process.stopping.is_set()
";
    for (language, script) in scripts(python, "") {
        if matches!(language, Language::Python) {
            Service::new().run(language, script).succeeds();
        }
    }
}

#[test]
fn a_program_ends_when_its_job_has() {
    let python = "
with Job() as job:
    job.complete(job.payload * 2)
";
    let javascript = "Job.run(async (job) => job.payload * 2);";
    for (language, script) in scripts(python, javascript) {
        let service = Service::new();
        let mut program = service.run(language, script);
        let mut connection = service.accept();
        connection.send_job();
        let completed = connection.read();
        assert_eq!(
            (&completed["event"], &completed["data"]),
            (&json!("completed"), &json!(42)),
            "{language:?}"
        );
        connection.send(&json!({ "type": "acknowledged", "seq": 2 }));
        program.succeeds();
    }
}

#[test]
fn a_job_is_cancelled_by_the_signal() {
    let python = "
job = Job()
job.progress('half')
assert job.cancelled.wait(10)
";
    let javascript = "
Job.run(async (job) => {
  job.progress('half');
  await new Promise((resolve) => job.cancelled.addEventListener('abort', resolve));
  process.exit(0);
});
";
    for (language, script) in scripts(python, javascript) {
        let service = Service::new();
        let mut program = service.run(language, script);
        let mut connection = service.accept();
        connection.send_job();
        assert_eq!(connection.read()["event"], "progress");
        program.terminate();
        program.succeeds();
    }
}

#[test]
fn a_program_without_a_job_ends_by_the_signal() {
    let javascript = "Job.run(async () => {});";
    for (language, script) in scripts("Job()", javascript) {
        let service = Service::new();
        let mut program = service.run(language, script);
        let connection = service.accept();
        program.terminate();
        let status = program.ended().expect("it ends soon");
        let errors = std::io::read_to_string(program.0.stderr.take().unwrap()).unwrap();
        assert!(!status.success(), "{language:?}");
        let expected = "the process was asked to end before it had a job";
        assert!(errors.contains(expected), "{language:?}: {errors}");
        drop(connection);
    }
}

/// More than a socket holds.
const EVENTS: usize = 100;
const ROOM: usize = 100_000;

#[test]
fn closing_does_not_wait_for_a_service_that_does_not_read() {
    let python = format!(
        "
process = Process()
for _ in range({EVENTS}):
    process.emit('large', 'x' * {ROOM})
assert not process.flush(1)
assert not process.close(0.1)
"
    );
    let javascript = format!(
        "
const daemon = new Process();
for (let i = 0; i < {EVENTS}; i++) daemon.emit('large', 'x'.repeat({ROOM}));
daemon.flush(1000).then(() => daemon.close(100));
"
    );
    for (language, script) in scripts(&python, &javascript) {
        let service = Service::new();
        let mut program = service.run(language, script);
        let connection = service.accept();
        program.succeeds();
        drop(connection);
    }
}

#[test]
fn dropping_a_channel_does_not_wait_for_a_service_that_does_not_read() {
    let service = Service::new();
    let path = service.folder.path().join("1");
    let channel = Channel::start(path, "token".to_owned(), None, |_| {}).unwrap();
    for _ in 0..EVENTS {
        let event = json!({ "event": "large", "data": "x".repeat(ROOM) });
        channel.post("event", event).unwrap();
    }
    let connection = service.accept();
    assert!(!channel.flush(Duration::from_millis(500)));
    let dropping = thread::spawn(move || drop(channel));
    let dropped = wait(SOON, || dropping.is_finished().then_some(()));
    drop(connection);
    assert!(dropped.is_some(), "it is dropped soon");
}
