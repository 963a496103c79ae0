//! `App::run` in processes of its own: signals, exit codes, and an end in any case.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

mod child;
mod leftovers;
mod limits;
mod logged;
mod output;
mod signals;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::{HARD_DEADLINE, Program};

/// D20: after the close the process ends, with 0.
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

/// D14, D15: SIGTERM and SIGINT begin the close.
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

/// S45, D20: the second one does not wait for a close that hangs.
#[test]
fn the_second_signal_ends_the_process_and_says_what_is_open() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let mut program = Program::start("close-hangs");
        program.wait_for("started");
        program.signal("-TERM");
        program.wait_for("slow closes");
        let ended = program.insist(signal);
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        let signal = signal.replace('-', "SIG");
        assert_eq!(
            ended.err,
            format!(
                "error[STOP006]: forced stop: {signal} was received again\n  \
                 not closed: `base`, `slow`\n  \
                 exit code: {code}\n  \
                 help: send one signal, and wait for the close; `App::shutdown_timeout` limits \
                 it\n"
            )
        );
        assert_eq!(
            ended.out,
            ["base loads", "started", "quick closes", "slow closes"]
        );
    }
}

#[test]
fn a_program_that_stops_itself_while_it_boots_exits_with_0() {
    let ended = Program::start("load-stops").end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out, ["base loads", "base closes", "after run: 0"]);
    assert_eq!(ended.err, "");
}

#[test]
fn a_rollback_that_fails_after_a_program_stopped_itself_exits_with_74() {
    let ended = Program::start("load-stops-close-fails").end();
    assert_eq!(ended.code, Some(74), "{}", ended.err);
    assert_eq!(ended.out, ["base loads", "after run: 74"]);
    assert!(
        ended
            .err
            .starts_with("error[BOOT012]: boot was interrupted: shutdown was requested\n"),
        "{}",
        ended.err
    );
    assert!(
        ended
            .err
            .contains("[base] Plugin close failed: base is sore"),
        "{}",
        ended.err
    );
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
    assert!(
        ended.err.contains("\n  exit code: 1\n  help: "),
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
    assert!(
        ended.err.contains("\n  exit code: 78\n  help: "),
        "{}",
        ended.err
    );
}

/// The exit code is that of all mistakes, and stands behind the last one.
#[test]
fn several_mistakes_of_a_plan_share_the_line_with_the_exit_code() {
    let ended = Program::start("plan-twice").end();
    assert_eq!(ended.code, Some(78));
    assert_eq!(ended.err.matches("error[BOOT004]: ").count(), 2);
    assert_eq!(ended.err.matches("exit code").count(), 1, "{}", ended.err);
    assert!(ended.err.ends_with("\n\nexit code: 78\n"), "{}", ended.err);
}

/// S66: a task that fails and stops the app is the reason why the process ends.
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
fn a_task_that_does_not_stop_exits_with_75() {
    let mut program = Program::start("task-hangs");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(75), "{}", ended.err);
    assert!(ended.out.contains(&"base closes".to_owned()));
    assert!(
        ended
            .err
            .contains("[deaf] Plugin run failed: timed out after 200 ms"),
        "{}",
        ended.err
    );
}

/// The first cause in time decides on the code: the close only hangs because the task failed.
#[test]
fn a_failed_task_whose_plugin_hangs_in_its_close_exits_with_70() {
    let ended = Program::start("task-fails-close-hangs").end();
    assert_eq!(ended.code, Some(70), "{}", ended.err);
    assert!(ended.out.contains(&"base closes".to_owned()));
    let place = |line: &str| {
        ended
            .err
            .find(line)
            .unwrap_or_else(|| panic!("{}", ended.err))
    };
    assert!(
        place("[consumer] Plugin run failed: queue lost")
            < place("[consumer] Plugin close failed: timed out after 200 ms")
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

/// D34: a close that hangs is over after its limit, and the code says so.
#[test]
fn a_close_that_hangs_exits_with_75() {
    let mut program = Program::start("close-hangs-briefly");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(75));
    assert!(
        ended.err.contains("\n  exit code: 75\n  help: "),
        "{}",
        ended.err
    );
    assert!(ended.out.contains(&"base closes".to_owned()));
    assert!(
        ended
            .err
            .starts_with("error[STOP004]: [slow] Plugin close failed: timed out after 200 ms\n"),
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

/// The signal comes first, and the load that blocks is abandoned because of it.
#[test]
fn a_signal_while_a_load_blocks_its_thread_interrupts_the_boot() {
    for (signal, name, code) in [("-TERM", "SIGTERM", 143), ("-INT", "SIGINT", 130)] {
        let mut program = Program::start("load-blocks-on");
        program.wait_for("base loads");
        program.signal(signal);
        let ended = program.end();
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        let first = format!("error[BOOT012]: boot was interrupted: {name} was received\n");
        assert!(ended.err.starts_with(&first), "{}", ended.err);
        assert!(
            ended
                .err
                .contains("[blocks] Plugin load failed: blocked its thread"),
            "{}",
            ended.err
        );
        assert!(ended.out.contains(&"base closes".to_owned()));
    }
}

/// No thread of the runtime is left to notice the end of the time for closing: a thread outside does,
/// after five seconds.
#[test]
fn closes_that_block_every_thread_do_not_keep_the_process_alive() {
    let mut program = Program::start("close-blocks-everything");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(75), "{}", ended.err);
    assert_eq!(
        ended.err,
        "error[STOP004]: forced stop: closing did not end within 100 ms, because every thread is \
         blocked\n  not closed: `base`, `one`, `three`, `two`\n  exit code: 75\n  help: code that \
         blocks can't be cancelled: give it a time limit, or run it on a `std::thread` of its own \
         and await the answer; nothing waits for such a thread\n"
    );
    assert_eq!(ended.out, ["base loads", "started"]);
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

/// The handlers stay for the rest of the process, and each app closes by its own.
#[test]
fn a_second_app_in_one_process_closes_by_signal_as_the_first_would() {
    let mut program = Program::start("twice");
    program.wait_for("first: 0");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let second = ended.out.iter().rev().take(2).rev();
    assert!(
        second.eq(["base closes", "after run: 0"]),
        "{:?}",
        ended.out
    );
}

/// Whoever should read the output has stopped, and a plugin waits in the middle of a line.
#[test]
fn a_full_pipe_does_not_keep_the_second_signal_from_ending_the_process() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_program"))
        .arg("floods")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Reads until the flood has begun, and then no more.
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("flood") {
        line.clear();
        out.read_line(&mut line).unwrap();
    }
    let deadline = Instant::now() + HARD_DEADLINE;
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it hangs in its own output");
        }
        let pid = child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        thread::park_timeout(Duration::from_millis(100));
    };
    assert_eq!(code, Some(143));
}
