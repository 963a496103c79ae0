//! `App::run` in processes of its own: signals, exit codes, and an end in any case.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// No child lives longer than this, whatever it does.
const HARD_DEADLINE: Duration = Duration::from_mins(1);

struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    seen: Vec<String>,
}

struct Ended {
    code: Option<i32>,
    out: Vec<String>,
    err: String,
}

impl Program {
    fn start(case: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_program"))
            .arg(case)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            out,
            seen: Vec::new(),
        }
    }

    /// Waits until the program has printed a line.
    fn wait_for(&mut self, line: &str) {
        while self.seen.last().map(String::as_str) != Some(line) {
            let mut next = String::new();
            assert!(
                self.out.read_line(&mut next).unwrap() > 0,
                "{:?}",
                self.seen
            );
            self.seen.push(next.trim_end().to_owned());
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn end(mut self) -> Ended {
        let deadline = Instant::now() + HARD_DEADLINE;
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("the program hangs: {:?}", self.seen);
            }
            std::thread::yield_now();
        };
        let mut err = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let rest = self.out.lines().map_while(Result::ok);
        self.seen.extend(rest);
        Ended {
            code,
            out: self.seen,
            err,
        }
    }
}

#[test]
fn an_app_that_is_asked_to_stop_closes_and_exits_with_0() {
    let ended = Program::start("clean").end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        ended.out,
        ["base loads", "started", "base closes", "after run: 0"]
    );
    assert_eq!(ended.err, "");
}

#[test]
fn the_first_signal_closes_the_app() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start("serve");
        program.wait_for("started");
        program.signal(signal);
        let ended = program.end();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(
            ended.out,
            ["base loads", "started", "base closes", "after run: 0"]
        );
    }
}

#[test]
fn the_second_signal_ends_the_process_and_says_what_is_open() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let mut program = Program::start("close-hangs");
        program.wait_for("started");
        program.signal("-TERM");
        program.wait_for("slow closes");
        program.signal(signal);
        let ended = program.end();
        assert_eq!(ended.code, Some(code));
        assert!(
            ended
                .err
                .contains("forced stop; not closed: `base`, `slow`"),
            "{}",
            ended.err
        );
        assert!(!ended.out.contains(&"base closes".to_owned()));
    }
}

#[test]
fn a_signal_while_booting_rolls_back() {
    let mut program = Program::start("load-hangs");
    program.wait_for("slow loads");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(143));
    assert_eq!(
        ended.out,
        ["base loads", "slow loads", "base closes", "after run: 143"]
    );
    assert!(
        ended
            .err
            .starts_with("error[BOOT012]: boot was interrupted: SIGTERM was received")
    );
}

/// A69: a failed boot is told to whoever started the process, and its code says so.
#[test]
fn a_failed_boot_exits_with_1_and_prints_the_diagnosis() {
    let ended = Program::start("load-fails").end();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, ["base loads", "base closes", "after run: 1"]);
    assert!(
        ended
            .err
            .starts_with("error[BOOT010]: [faulty] Plugin load failed: connection refused\n"),
        "{}",
        ended.err
    );
}

#[test]
fn a_faulty_plan_exits_with_78() {
    let ended = Program::start("plan").end();
    assert_eq!(ended.code, Some(78));
    assert_eq!(ended.out, ["after run: 78"]);
    assert!(
        ended
            .err
            .starts_with("error[BOOT004]: 2 plugins are called `base`"),
        "{}",
        ended.err
    );
}

#[test]
fn a_failed_task_exits_with_70() {
    let ended = Program::start("task-fails").end();
    assert_eq!(ended.code, Some(70));
    assert!(ended.out.contains(&"base closes".to_owned()));
    assert!(
        ended
            .err
            .contains("[consumer] Plugin run failed: queue lost"),
        "{}",
        ended.err
    );
}

#[test]
fn a_failed_close_exits_with_74() {
    let mut program = Program::start("close-fails");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(74));
    assert!(
        ended.err.contains("[sore] Plugin close failed: no"),
        "{}",
        ended.err
    );
}

#[test]
fn a_close_that_hangs_exits_with_75() {
    let mut program = Program::start("close-hangs-briefly");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(75));
    assert!(ended.out.contains(&"base closes".to_owned()));
    assert!(
        ended
            .err
            .contains("[slow] Plugin close failed: timed out after 200 ms"),
        "{}",
        ended.err
    );
}

/// A thread that is blocked for ever does not keep the process from ending.
#[test]
fn a_hook_that_blocks_its_thread_does_not_keep_the_process_alive() {
    let mut program = Program::start("close-blocks");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(75));
    assert!(ended.out.contains(&"base closes".to_owned()));
    assert!(ended.err.contains("blocked its thread"), "{}", ended.err);

    let ended = Program::start("load-blocks").end();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.out, ["base loads", "base closes"]);
    assert!(
        ended
            .err
            .contains("[blocks] Plugin load failed: blocked its thread"),
        "{}",
        ended.err
    );
}

/// Code after `run` runs, and the closing was waited for.
#[test]
fn run_returns_when_everything_has_closed() {
    let mut program = Program::start("close-takes");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.out.last().unwrap(), "after run: 0");
}
