//! What signals and exits do, in the middle of things.

use std::thread;
use std::time::Duration;

use crate::child::{Program, command, is_ignored};

/// S43: a signal when a quarter, a half and three quarters of the boot are done.
#[test]
fn a_signal_at_any_part_of_the_boot_closes_what_had_loaded_in_reverse() {
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        for loaded in 1..4 {
            let mut program = Program::start(&format!("boot-stops-after-{loaded}"));
            program.wait_for(&format!("p{} loads", loaded + 1));
            program.signal(signal);
            let ended = program.end();
            assert_eq!(ended.code, Some(code), "{}", ended.err);
            let loads = (1..=loaded + 1).map(|place| format!("p{place} loads"));
            let closes = (1..=loaded).rev().map(|place| format!("p{place} closes"));
            let end = [format!("after run: {code}")];
            let expected: Vec<String> = loads.chain(closes).chain(end).collect();
            assert_eq!(ended.out, expected);
        }
    }
}

/// S47: signals that nobody asked for do what they always do.
#[test]
fn other_signals_end_the_process_as_they_always_do() {
    for (signal, number) in [("-HUP", 1), ("-QUIT", 3), ("-USR1", 10)] {
        if is_ignored(number) {
            continue;
        }
        // Some of them would leave a file behind.
        let mut program = Program::start_by(command("sh").args([
            "-c",
            "ulimit -c 0; exec \"$0\" serve",
            env!("CARGO_BIN_EXE_program"),
        ]));
        program.wait_for("started");
        program.signal(signal);
        let ended = program.end();
        assert_eq!((ended.code, ended.killed_by), (None, Some(number)));
        assert_eq!(ended.out, ["base loads", "started"]);
    }
}

/// S43: the boot ends where the hooks of the start begin; from there on the app closes.
#[test]
fn a_signal_behind_the_loads_interrupts_the_boot_until_the_app_has_started() {
    let parts = ["on-loaded", "ready", "on-ready", "start"];
    for (part, signal, interrupted) in parts
        .into_iter()
        .flat_map(|part| [(part, "-TERM", 143), (part, "-INT", 130)])
    {
        let mut program = Program::start(&format!("in-{part}"));
        program.wait_for("waits");
        program.signal(signal);
        let ended = program.end();
        let code = if part == "start" { 0 } else { interrupted };
        assert_eq!(ended.code, Some(code), "{part}: {}", ended.err);
        let end = format!("after run: {code}");
        assert_eq!(ended.out, ["base loads", "waits", "base closes", &end]);
        assert_eq!(ended.err.contains("BOOT012"), code != 0, "{}", ended.err);
    }
}

/// The parent process decides: a shell without job control ignores SIGINT for what it starts with
/// `&`, and `trap ''` ignores any signal.
#[test]
fn a_signal_that_the_parent_process_ignores_stays_ignored() {
    for (ignored, other, code) in [("INT", "-TERM", 143), ("TERM", "-INT", 130)] {
        let start = format!("trap '' {ignored}; exec \"$0\" boot-stops-after-1");
        let mut program =
            Program::start_by(command("sh").args(["-c", &start, env!("CARGO_BIN_EXE_program")]));
        program.wait_for("p2 loads");
        // One that was handled would end the process, if not at once then by its repetition.
        program.signal(&format!("-{ignored}"));
        thread::park_timeout(Duration::from_millis(300));
        program.signal(&format!("-{ignored}"));
        program.signal(other);
        let ended = program.end();
        assert_eq!(ended.code, Some(code), "{ignored}: {}", ended.err);
        assert_eq!(ended.out.last().unwrap(), &format!("after run: {code}"));
    }
}

#[test]
fn a_program_in_the_background_of_a_script_is_not_stopped_by_sigint() {
    // Without job control, `&` ignores SIGINT.
    let mut program = Program::start_by(command("sh").args([
        "-c",
        "\"$0\" boot-stops-after-1 & sleep 0.5; kill -INT $!; sleep 0.5; \
         kill -TERM $!; wait $!",
        env!("CARGO_BIN_EXE_program"),
    ]));
    program.wait_for("p2 loads");
    assert_eq!(program.end().code, Some(143));
}

/// D25: an app that is booted, and not run, is a part of somebody else's program: it installs
/// nothing, and that program decides.
#[test]
fn an_app_that_is_booted_leaves_signals_to_its_host() {
    for (signal, number) in [("-TERM", 15), ("-INT", 2)] {
        if is_ignored(number) {
            continue;
        }
        let mut program = Program::start("boot-only");
        program.wait_for("started");
        program.signal(signal);
        let ended = program.end();
        assert_eq!((ended.code, ended.killed_by), (None, Some(number)));
        assert_eq!(ended.out, ["base loads", "started"]);
    }
}

/// S48: who ends the process in the middle of a close ends it, with the code that he says.
#[test]
fn an_exit_of_a_worker_while_closing_keeps_its_code() {
    for case in ["close-exits", "close-exits-elsewhere"] {
        let mut program = Program::start(case);
        program.wait_for("started");
        program.signal("-TERM");
        let ended = program.end();
        assert_eq!(ended.code, Some(3), "{case}: {}", ended.err);
        assert_eq!(ended.out, ["base loads", "started", "slow exits"]);
    }
}

/// S50: what comes after `run` runs, and says how the process ends.
#[test]
fn a_program_that_goes_on_after_run_has_an_exit_code_of_its_own() {
    let mut program = Program::start("own-code");
    program.wait_for("started");
    program.signal("-TERM");
    let ended = program.end();
    assert_eq!(ended.code, Some(123), "{}", ended.err);
    assert_eq!(
        ended.out,
        ["base loads", "started", "base closes", "after run: 0"]
    );
}
