//! The clients: Python, JavaScript and Rust, each as a process.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap_process_client::{Error, Process};
use bootstrap_services::processes::{ChildEvent, Definition, Exit, ProcessEvent, ProcessId};
use serde_json::{Value, json};

use crate::support::{Kit, is_alive, next, signal, until, within};

/// A daemon that emits `count` ticks.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    Python,
    JavaScript,
    Rust,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Python, Self::JavaScript, Self::Rust];

    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::Rust => "rust",
        }
    }

    /// Whether its interpreter is installed. Without it a test is skipped, unless `BOOTSTRAP_TEST_INTERPRETERS` is set.
    pub fn is_there(self) -> bool {
        let program = match self {
            Self::Python => "python3",
            Self::JavaScript => "node",
            Self::Rust => return true,
        };
        let mut command = Command::new(program);
        let command = command.arg("--version").stdout(Stdio::null());
        let is_there = command.status().is_ok_and(|status| status.success());
        if !is_there {
            let is_needed = std::env::var_os("BOOTSTRAP_TEST_INTERPRETERS").is_some();
            assert!(!is_needed, "`{program}` is not installed");
            println!("skipped: `{program}` is not installed");
        }
        is_there
    }

    /// The languages whose interpreters are installed.
    pub fn there() -> Vec<Self> {
        Self::ALL.into_iter().filter(|it| it.is_there()).collect()
    }

    pub fn definition(self) -> Definition {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let daemons = root.join("tests/processes/daemons");
        let client = root.join("clients").join(self.name());
        let milli = Duration::from_millis(1);
        let definition = match self {
            Self::Python => Definition::new("python3").args([daemons.join("ticker.py")]),
            Self::JavaScript => Definition::new("node").args([daemons.join("ticker.js")]),
            Self::Rust => Definition::new(std::env::current_exe().unwrap()).args([
                "--exact",
                "clients::daemon",
                "--ignored",
                "--nocapture",
            ]),
        };
        definition
            .env("CLIENT", client)
            .heartbeat(Duration::from_secs(20))
            .patience(Duration::from_secs(20))
            .backoff(milli, milli)
    }
}

/// The daemon in Rust, as those in the folder `daemons`.
#[test]
#[ignore = "a child of the other tests"]
fn daemon() {
    let process = Process::from_env().unwrap();
    process.emit("ready", process.metadata()).unwrap();
    let count = process.metadata()["count"].as_u64().unwrap();
    let (mut number, mut full) = (0, 0);
    while !process.wait_stopping(Duration::from_millis(1)) {
        if let Some(command) = process.command(Duration::from_millis(1)) {
            match command.name.as_str() {
                "echo" => drop(process.emit("echo", &command.data).unwrap()),
                #[expect(clippy::disallowed_methods, reason = "it crashes")]
                "crash" => std::process::exit(3),
                _ => {}
            }
        }
        if number == count {
            continue;
        }
        match process.emit("tick", &(number + 1)) {
            Ok(_) => number += 1,
            Err(Error::Full) => full += 1,
            Err(error) => panic!("{error}"),
        }
        if number == count {
            process.emit("done", &()).unwrap();
        }
    }
    process.emit("stopping", &full).unwrap();
    assert!(process.close(Duration::from_secs(10)));
}

/// Notes events.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<ChildEvent>>>);

impl Seen {
    fn of(&self, event: &str) -> Vec<Value> {
        let seen = self.0.lock().unwrap();
        let found = seen.iter().filter(|it| it.event == event);
        found.map(|it| it.data.clone()).collect()
    }

    fn handler(&self, definition: Definition) -> Definition {
        let seen = self.0.clone();
        definition.on_event(move |event| {
            seen.lock().unwrap().push(event);
            async { Ok(()) }
        })
    }
}

/// Runs a test at once in each language.
async fn in_each_language(test: impl AsyncFn(Language)) {
    let tests = Language::there().into_iter().map(|it| test(it));
    futures_util::future::join_all(tests).await;
}

async fn start(definition: Definition, metadata: &Value) -> (Kit, ProcessId, Seen) {
    let seen = Seen::default();
    let kit = Kit::one(seen.handler(definition)).await;
    let id = within(kit.processes.spawn("one", metadata)).await.unwrap();
    (kit, id, seen)
}

/// D50: events, commands, metadata, and a clean stop.
#[tokio::test]
async fn each_client_emits_events_obeys_commands_and_ends_in_order() {
    in_each_language(async |language| {
        let metadata = json!({ "count": 300, "text": "ä\n\u{1F600}" });
        let (kit, id, seen) = start(language.definition(), &metadata).await;
        until("done", || !seen.of("done").is_empty()).await;
        assert_eq!(seen.of("ready"), [metadata], "{language:?}");
        let expected: Vec<Value> = (1..=300).map(Value::from).collect();
        assert_eq!(seen.of("tick"), expected, "{language:?}");
        let data = json!({ "text": "\u{1F600}\n\"", "list": [1, null, 0.5] });
        kit.processes.send(id, "fail", &()).unwrap();
        kit.processes.send(id, "echo", &data).unwrap();
        until("echo", || !seen.of("echo").is_empty()).await;
        assert_eq!(seen.of("echo"), [data], "{language:?}");
        kit.stop(id).await.unwrap();
        assert_eq!(kit.info(id).await.exit, Some(Exit::Code(0)), "{language:?}");
        assert_eq!(seen.of("stopping"), [json!(0)], "{language:?}");
        kit.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_client_sends_heartbeats() {
    in_each_language(async |language| {
        let heartbeat = Duration::from_secs(2);
        let definition = language.definition().heartbeat(heartbeat);
        let (kit, id, seen) = start(definition, &json!({ "count": 0 })).await;
        until("ready", || !seen.of("ready").is_empty()).await;
        let pid = kit.info(id).await.pid;
        let mut events = kit.processes.events();
        let missed = tokio::time::timeout(2 * heartbeat, async {
            loop {
                if let Some(ProcessEvent::HeartbeatMissed { .. }) = events.next().await {
                    return;
                }
            }
        });
        assert!(missed.await.is_err(), "{language:?}");
        assert_eq!(kit.info(id).await.pid, pid, "{language:?}");
        kit.stop(id).await.unwrap();
        kit.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_is_suspended_is_killed_and_restarted() {
    in_each_language(async |language| {
        let definition = language.definition().heartbeat(Duration::from_secs(2));
        let (kit, id, seen) = start(definition, &json!({ "count": 1 })).await;
        until("done", || !seen.of("done").is_empty()).await;
        let pid = kit.pid(id).await;
        signal("STOP", pid);
        until("again", || seen.of("ready").len() >= 2).await;
        assert!(!is_alive(pid), "{language:?}");
        kit.stop(id).await.unwrap();
        kit.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_crashes_is_restarted() {
    in_each_language(async |language| {
        let (kit, id, seen) = start(language.definition(), &json!({ "count": 1 })).await;
        let mut events = kit.processes.events();
        until("done", || !seen.of("done").is_empty()).await;
        kit.processes.send(id, "crash", &()).unwrap();
        let exit = next(&mut events, |event| match event {
            ProcessEvent::Ended { exit, stopped, .. } => Some((exit, stopped)),
            _ => None,
        });
        assert_eq!(exit.await, (Exit::Code(3), false), "{language:?}");
        until("again", || seen.of("done").len() == 2).await;
        assert_eq!(seen.of("tick"), [json!(1), json!(1)], "{language:?}");
        kit.stop(id).await.unwrap();
        kit.close().await;
    })
    .await;
}

/// A fault of the original: what was emitted without a connection was dropped, and nothing said so.
#[tokio::test]
async fn events_wait_in_the_client_while_the_service_is_busy() {
    in_each_language(async |language| {
        let seen = Seen::default();
        let noted = seen.0.clone();
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let opened = gate.clone();
        let definition = language.definition().on_event(move |event| {
            let (noted, opened) = (noted.clone(), opened.clone());
            async move {
                drop(opened.acquire().await?);
                noted.lock().unwrap().push(event);
                Ok(())
            }
        });
        let kit = Kit::one(definition).await;
        let metadata = json!({ "count": 50 });
        let id = within(kit.processes.spawn("one", &metadata)).await.unwrap();
        until("connected", || kit.processes.list()[0].connected).await;
        gate.add_permits(1);
        until("done", || !seen.of("done").is_empty()).await;
        let expected: Vec<Value> = (1..=50).map(Value::from).collect();
        assert_eq!(seen.of("tick"), expected, "{language:?}");
        kit.stop(id).await.unwrap();
        kit.close().await;
    })
    .await;
}

/// What the clients refuse: the service would close the connection for each attempt to send it.
#[test]
fn the_clients_refuse_what_the_service_could_not_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let python = format!(
        r#"
import sys, types; sys.path.insert(0, {:?})
from bootstrap_process import BufferFull, Channel, Process
channel = Channel("/nowhere", "token", most=2)
deep = []
for _ in range(200): deep = [deep]
for bad in ["\ud800", float("nan"), 10**400, deep, "x" * (1 << 20), object()]:
    try: channel.post("event", data=bad)
    except (ValueError, TypeError): continue
    sys.exit(repr(bad)[:50])
for bad in [5, None, b"x"]:
    try: channel.post(bad)
    except TypeError: pass
    else: sys.exit("accepted as a type: " + repr(bad))
    try: Process.emit(types.SimpleNamespace(channel=channel), bad)
    except TypeError: continue
    sys.exit("accepted as a name: " + repr(bad))
channel.post("event", data=1); channel.post("event", data=[2**64, "é", None])
try: channel.post("event", data=3)
except BufferFull: pass
else: sys.exit("not full")
assert not channel.flush(0.01)
channel.close()
"#,
        root.join("python").to_str().unwrap()
    );
    let javascript = format!(
        r"
const {{ BufferFull, Channel, Process }} = require({:?});
const channel = new Channel('/nowhere', 'token', {{ most: 2 }});
let deep = [];
for (let i = 0; i < 200; i++) deep = [deep];
const cycle = {{}}; cycle.it = cycle;
for (const bad of ['\ud800', {{ '\udc00': 1 }}, deep, 'x'.repeat(1 << 20), 10n, cycle]) {{
  let refused = false;
  try {{ channel.post('event', {{ data: bad }}); }} catch (error) {{ refused = !(error instanceof BufferFull); }}
  if (!refused) {{ console.error('accepted'); process.exit(1); }}
}}
for (const bad of [5, undefined, null, {{}}]) {{
  for (const post of [() => channel.post(bad, {{}}), () => Process.prototype.emit.call({{ channel }}, bad)]) {{
    let refused = false;
    try {{ post(); }} catch (error) {{ refused = error instanceof TypeError; }}
    if (!refused) {{ console.error('accepted as a name'); process.exit(1); }}
  }}
}}
channel.post('event', {{ data: 1 }}); channel.post('event', {{ data: '\u{{1F600}}' }});
let full = false;
try {{ channel.post('event', {{ data: 3 }}); }} catch (error) {{ full = error instanceof BufferFull; }}
channel.flush(5).then((flushed) => {{ channel.close(); process.exit(full && !flushed ? 0 : 1); }});
",
        root.join("javascript/bootstrap_process.js")
            .to_str()
            .unwrap()
    );
    for (language, program, option, script) in [
        (Language::Python, "python3", "-c", python),
        (Language::JavaScript, "node", "-e", javascript),
    ] {
        if language.is_there() {
            let output = Command::new(program)
                .args([option, &script])
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{language:?}: {errors}");
        }
    }
}

#[test]
fn a_client_outside_of_the_service_says_so() {
    let error = Process::from_env().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`BOOTSTRAP_PROCESS_ID` is not set: let bootstrap start this process"
    );
}
