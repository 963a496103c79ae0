//! A process that runs out of what the system grants it.

use std::process::Command;

use crate::child::{Ended, Program};

/// Runs a program that may have so many files open.
fn with_files(limit: u32, program: &str, args: &str) -> Ended {
    let run = format!("ulimit -n {limit}; exec \"$0\" {args}");
    // Its panics are not looked at, and a backtrace needs files itself.
    let mut command = Command::new("sh");
    let command = command
        .args(["-c", &run, program])
        .env("RUST_BACKTRACE", "0");
    Program::start_by(command).end()
}

/// The cause decides about the help, wherever it turns up.
#[test]
fn a_process_that_is_out_of_files_says_so_and_what_to_do() {
    let mut out_of_files = 0;
    for limit in 7..=18 {
        let ended = with_files(limit, env!("CARGO_BIN_EXE_program"), "clean");
        // With less than that the program can't make its own runtime.
        if ended.out.is_empty() && ended.code != Some(1) {
            continue;
        }
        if ended.code == Some(0) {
            assert_eq!(ended.err, "", "{limit}");
            continue;
        }
        out_of_files += 1;
        assert_eq!(
            ended.err,
            "error[BOOT024]: the signal handlers can't be installed: Too many open files (os error 24)\n  \
             exit code: 1\n  help: the process has as many files and sockets open as it may: raise \
             that limit (`ulimit -n`, `LimitNOFILE=` of systemd)\n",
            "{limit}"
        );
    }
    assert!(out_of_files > 0, "the limits are too high");
}

/// On a runtime without sockets it is tokio that panics.
#[test]
fn a_process_that_is_out_of_files_for_the_pipe_of_its_signals_says_so() {
    let mut out_of_files = 0;
    for limit in 5..=14 {
        let args = "nothing timers-only returns";
        let ended = with_files(limit, env!("CARGO_BIN_EXE_leftovers"), args);
        if ended.code == Some(1) {
            out_of_files += 1;
            assert!(
                ended.err.contains("(os error 24)\n"),
                "{limit}: {}",
                ended.err
            );
            assert!(
                ended
                    .err
                    .contains("\n  help: the process has as many files")
            );
        } else {
            assert_eq!(ended.code, Some(0), "{limit}: {}", ended.err);
        }
    }
    assert!(out_of_files > 0, "the limits are too high");
}
