//! What a subscriber of `tracing` sees of outcomes that the `Exit` prints.

use std::process::Stdio;

use crate::child::{Ended, Program, command};

fn start(program: &str, args: &[&str]) -> Program {
    let mut command = command(program);
    let command = command.args(args).env("LOG_TO_STDOUT", "1");
    Program::start_by(command.stdin(Stdio::piped()))
}

fn case(case: &str) -> Program {
    start(env!("CARGO_BIN_EXE_program"), &[case])
}

/// One event says how the app ended, with the code as a field, and holds the diagnosis.
fn is_logged_once(ended: &Ended, code: &str) {
    let out = ended.out.join("\n");
    let begins = format!("ERROR error[{code}]: ");
    assert_eq!(out.matches(&begins).count(), 1, "{code}: {out}");
    let field = format!(" code=\"{code}\"");
    assert_eq!(out.matches(&field).count(), 1, "{code}: {out}");
    let printed = ended.err.lines().next().unwrap();
    assert!(printed.starts_with(&begins[6..]), "{}", ended.err);
    let logged = format!("ERROR {printed}");
    assert!(
        ended.out.iter().any(|line| line.starts_with(&logged)),
        "{out}"
    );
}

#[test]
fn outcomes_that_are_printed_at_the_end_are_logged_once_with_their_code() {
    for (name, code) in [
        ("plan", "BOOT004"),
        ("load-fails", "BOOT010"),
        ("load-stops-close-fails", "BOOT012"),
        ("load-blocks", "BOOT010"),
        ("task-fails", "STOP002"),
        ("restart-fails", "RUN001"),
    ] {
        is_logged_once(&case(name).end(), code);
    }
    for (name, when, code) in [
        ("load-hangs", "slow loads", "BOOT012"),
        ("in-on-ready", "waits", "BOOT012"),
        ("close-fails", "started", "STOP001"),
        ("close-hangs-briefly", "started", "STOP004"),
        ("close-blocks", "started", "STOP004"),
    ] {
        let mut program = case(name);
        program.wait_for(when);
        program.signal("-TERM");
        is_logged_once(&program.end(), code);
    }
}

/// The thread that ends the process logs it, to the global subscriber.
#[test]
fn a_forced_stop_is_logged_with_its_code() {
    let mut program = case("close-hangs");
    program.wait_for("started");
    program.signal("-TERM");
    program.wait_for("slow closes");
    is_logged_once(&program.insist("-TERM"), "STOP006");

    let mut program = case("close-blocks-everything");
    program.wait_for("started");
    program.signal("-TERM");
    is_logged_once(&program.end(), "STOP004");

    let left = ["thread", "threads", "returns"];
    is_logged_once(
        &start(env!("CARGO_BIN_EXE_leftovers"), &left).end(),
        "STOP004",
    );
}

/// The log has the tree of what had booted, with what became of the others.
#[test]
fn a_failed_boot_is_logged_as_a_tree() {
    let ended = case("load-fails").end();
    let out = ended.out.join("\n");
    assert!(out.contains("INFO boot "), "{out}");
    assert!(out.contains("─ faulty "), "{out}");
    assert!(out.contains(" failed"), "{out}");
}
