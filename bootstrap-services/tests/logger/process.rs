//! Children, and what they log.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than any child takes, also on a machine with much else to do.
const LIMIT: Duration = Duration::from_mins(2);

fn command(scenario: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "scenarios::child", "--ignored", "--nocapture"])
        .env("SCENARIO", scenario)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a child wrote.
struct Ended {
    said: Vec<String>,
    log: Vec<String>,
}

impl Ended {
    fn json(&self) -> Vec<Value> {
        let lines = self.log.iter();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn messages(&self) -> Vec<String> {
        let message = |line: Value| line["fields"]["message"].as_str().unwrap().to_owned();
        self.json().into_iter().map(message).collect()
    }
}

fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn said(lines: &[String]) -> Vec<String> {
    let said = lines.iter().filter_map(|line| line.split_once("SAID "));
    said.map(|(_, text)| text.to_owned()).collect()
}

/// Ends the child when the limit is over, so that a test fails and does not hang.
fn wait(mut child: Child) -> Ended {
    drop(child.stdin.take());
    let (ended, is_late) = mpsc::channel();
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut bytes).unwrap();
            }
            bytes
        })
    };
    let stdout = read(stdout.map(|it| Box::new(it) as _));
    let stderr = read(stderr.map(|it| Box::new(it) as _));
    let waiter = std::thread::spawn(move || {
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return (status, true);
            }
            if began.elapsed() > LIMIT {
                child.kill().unwrap();
                return (child.wait().unwrap(), false);
            }
            let _: Result<(), _> = is_late.recv_timeout(Duration::from_millis(20));
        }
    });
    let (status, in_time) = waiter.join().unwrap();
    drop(ended);
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let log = lines(&stderr);
    assert!(in_time, "the child did not end: {log:?}");
    assert!(
        status.success(),
        "{status}: {} {log:?}",
        String::from_utf8_lossy(&stdout)
    );
    Ended {
        said: said(&lines(&stdout)),
        log,
    }
}

fn run(scenario: &str) -> Ended {
    wait(command(scenario).spawn().unwrap())
}

/// D37: a line of JSON.
#[test]
fn a_line_of_json_has_the_level_the_message_the_fields_and_the_spans() {
    let ended = run("json");
    let lines = ended.json();
    let line = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!(line["fields"]["message"], "the disk is\nalmost \"full\"");
    assert_eq!(line["fields"]["free_mb"], 12);
    assert_eq!(line["span"]["name"], "request");
    assert_eq!(line["spans"][0]["id"], 7);
    assert_eq!(line["target"], "logger::scenarios");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
}

#[test]
fn lines_before_the_plugin_loads_and_after_it_has_closed_are_written() {
    let ended = run("life");
    assert!(ended.log[0].ends_with("first"), "{:?}", ended.log);
    let messages = ended.messages();
    assert!(messages.contains(&"second".to_owned()), "{:?}", ended.log);
    assert_eq!(messages.last().unwrap(), "third");
}

#[test]
fn the_plugin_alone_starts_the_log_and_flushes_it_when_it_closes() {
    let ended = run("plugin alone");
    assert!(!ended.log.iter().any(|line| line.ends_with("lost")));
    assert!(
        ended.log.iter().any(|line| line.ends_with("kept")),
        "{:?}",
        ended.log
    );
}

#[test]
fn the_level_changes_at_run_time_and_a_level_that_is_refused_changes_nothing() {
    let ended = run("levels");
    assert_eq!(ended.said, ["warn", "debug"]);
    let own = ended.log.iter().filter(|line| !line.contains("bootstrap"));
    let words: Vec<_> = own.filter_map(|line| line.rsplit(' ').next()).collect();
    let words: Vec<_> = words
        .into_iter()
        .filter(|word| ["one", "two", "three", "four", "five"].contains(word))
        .collect();
    assert_eq!(words, ["two", "three", "five"]);
}

#[test]
fn the_variable_outranks_the_configuration() {
    let child = command("levels").env("RUST_LOG", "error").spawn();
    assert_eq!(wait(child.unwrap()).said, ["error", "debug"]);
    let child = command("levels").env("RUST_LOG", "erorr").spawn();
    let ended = wait(child.unwrap());
    assert_eq!(ended.said, ["warn", "debug"]);
    assert!(ended.log[0].contains("the variable `RUST_LOG` is ignored: `erorr` is not a level"));
}

#[test]
fn spans_that_were_made_under_another_format_are_written_without_their_fields() {
    let ended = run("formats");
    let lines = ended.json();
    let with = |message: &str| {
        let mut lines = lines.iter();
        lines
            .find(|line| line["fields"]["message"] == message)
            .unwrap()
    };
    assert_eq!(with("as json")["span"]["name"], "old");
    assert_eq!(with("inside")["span"]["id"], 8);
}

#[test]
fn another_subscriber_of_the_process_stays_and_the_app_boots() {
    let ended = run("other subscriber");
    assert_eq!(ended.said[0], "true");
    assert!(ended.said[1].starts_with("the level can't be set: this process has a subscriber"));
    let has = |text: &str| ended.log.iter().any(|line| line.contains(text));
    assert!(has("`logger::start` does nothing"), "{:?}", ended.log);
    assert!(has(
        "the keys `log.*` of this app have no effect: this process has another subscriber"
    ));
}

#[test]
fn two_apps_share_a_log_and_the_settings_of_the_first_count_until_it_closes() {
    let ended = run("two apps");
    let messages = ended.messages();
    for expected in [
        "both agree",
        "still json",
        "the keys `log.*` of this app have no effect: another app of this process has configured the log",
    ] {
        assert!(
            messages.iter().any(|message| message == expected),
            "{messages:?}"
        );
    }
    assert!(
        ended.log.iter().any(|line| line.ends_with("compact now")),
        "{:?}",
        ended.log
    );
}

fn with_file(path: &str) -> Ended {
    wait(command("file").env("LOG_FILE", path).spawn().unwrap())
}

#[test]
fn lines_are_appended_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    std::fs::write(&path, "before\n").unwrap();
    let ended = with_file(path.to_str().unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("before\n{\"timestamp\""), "{text}");
    assert!(text.contains("\"a line\""), "{text}");
    assert!(ended.messages().is_empty(), "{:?}", ended.log);
}

/// A full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_sends_the_lines_to_stderr_and_the_app_stays_up() {
    let ended = with_file("/dev/full");
    let messages = ended.messages();
    let fault = messages
        .iter()
        .find(|message| message.starts_with("the log file `/dev/full`"));
    assert!(
        fault.unwrap().contains("No space left on device"),
        "{fault:?}"
    );
    assert!(messages.contains(&"a line".to_owned()), "{messages:?}");
    let expected = "critical false: the log file can't be written: No space left on device";
    assert!(ended.said[0].starts_with(expected), "{:?}", ended.said);
}

/// A pipe whose reader has gone: a write is `EPIPE`, and `SIGPIPE` is ignored.
#[test]
fn a_stderr_whose_reader_has_gone_changes_nothing_about_the_app() {
    let mut child = command("many lines").spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(wait(child).said, ["closed"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_or_closed_stderr_changes_nothing_about_the_app() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let child = command("many lines").stderr(full).spawn().unwrap();
    assert_eq!(wait(child).said, ["closed"]);
    let exe = std::env::current_exe().unwrap();
    let script = format!(
        "exec '{}' --exact scenarios::child --ignored --nocapture 2>&-",
        exe.display()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .env("SCENARIO", "many lines")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    assert_eq!(wait(shell.spawn().unwrap()).said, ["closed"]);
}

#[test]
fn lines_that_come_too_fast_are_dropped_and_counted_and_the_log_recovers() {
    let mut child = command("flood").spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("SAID full") {
        line.clear();
        assert_ne!(
            stdout.read_line(&mut line).unwrap(),
            0,
            "the child has ended"
        );
    }
    // Now something reads its stderr.
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (found, is_found) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if line.contains(" lines of the log were dropped: ") {
                let _ = found.send(());
            }
        }
    });
    let has_recovered = is_found.recv_timeout(LIMIT);
    wait(child);
    has_recovered.unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("SAID dropped true"), "{rest}");
}

/// Nothing reads it until the end of the child, which does not wait for a reader for longer than a second.
#[test]
fn a_stderr_that_nothing_reads_does_not_hold_up_the_end_of_the_process() {
    let mut child = command("many lines").spawn().unwrap();
    let unread = child.stderr.take();
    let began = Instant::now();
    assert_eq!(wait(child).said, ["closed"]);
    assert!(began.elapsed() < LIMIT);
    drop(unread);
}
