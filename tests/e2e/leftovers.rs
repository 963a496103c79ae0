//! What an app leaves behind, and the end of the process all the same.

use std::process::{Command, Stdio};

use crate::child::{Ended, Program};

/// The arguments of the program, and how it ends.
type Case = (&'static str, &'static str, &'static str, i32);

/// Starts all of them at once, because each takes as long as the guard waits.
fn ended<const N: usize>(cases: [Case; N]) -> impl Iterator<Item = (Case, Ended)> {
    let start = |case: Case| {
        let (what, runtime, then, _) = case;
        let mut command = Command::new(env!("CARGO_BIN_EXE_leftovers"));
        // Open, and silent.
        let command = command.args([what, runtime, then]).stdin(Stdio::piped());
        (case, Program::start_by(command))
    };
    let started = cases.map(start);
    started
        .into_iter()
        .map(|(case, program)| (case, program.end()))
}

/// The runtime waits for threads that are blocked; the process ends all the same, and says why.
#[test]
fn what_hooks_and_tasks_leave_behind_does_not_keep_the_process_from_ending() {
    let all = ended([
        ("load", "threads", "returns", 1),
        ("load", "one-thread", "returns", 1),
        ("ready", "one-thread", "returns", 1),
        ("on-ready", "threads", "returns", 1),
        ("thread-of-a-failed-boot", "threads", "returns", 1),
        ("thread-of-a-failed-boot", "one-thread", "returns", 1),
        ("run", "threads", "returns", 75),
        ("run", "one-thread", "returns", 75),
        ("run", "attribute", "-", 75),
        ("run", "attribute-on-one-thread", "-", 75),
        ("run", "named-threads", "returns", 75),
        ("run", "threads", "reports-first", 75),
        ("run", "threads", "own-code", 75),
        ("drain", "one-thread", "returns", 75),
        ("on-close", "one-thread", "returns", 75),
        ("close", "threads", "returns", 75),
        ("thread", "threads", "returns", 75),
        ("thread", "one-thread", "own-code", 75),
        ("stdin", "threads", "returns", 75),
        ("stdin", "attribute-on-one-thread", "-", 75),
        ("task", "threads", "returns", 75),
        ("block-in-place", "threads", "returns", 75),
        ("drop-of-task", "threads", "returns", 75),
        ("drop-of-task", "one-thread", "returns", 75),
        ("nothing", "threads", "twice", 75),
        ("thread", "one-thread", "twice", 75),
    ]);
    for (case, ended) in all {
        assert_eq!(ended.code, Some(case.3), "{case:?}: {}", ended.err);
        assert_eq!(ended.out.last().unwrap(), "run has returned", "{case:?}");
        let words = "error[STOP004]: forced stop: the app has closed, and the tokio runtime did \
                     not shut down within 5 s, because ";
        assert!(ended.err.contains(words), "{case:?}: {}", ended.err);
        let code = format!(
            "\n  exit code: {}\n  help: code that blocks can't be",
            case.3
        );
        assert!(ended.err.contains(&code), "{case:?}: {}", ended.err);
    }
}

/// The diagnosis of the app comes first, once, and then what was cut short before.
#[test]
fn a_process_that_is_held_up_names_the_hook_that_was_cut_short() {
    let cases = [
        ("run", "threads", "returns", 75),
        ("run", "threads", "reports-first", 75),
        ("load", "threads", "returns", 1),
    ];
    for (case, ended) in ended(cases) {
        let first = match case.0 {
            "load" => "error[BOOT010]: [left] Plugin load failed: timed out after 1 s\n",
            _ => "error[STOP004]: [left] Plugin run failed: timed out after 1 s\n",
        };
        assert!(ended.err.starts_with(first), "{}", ended.err);
        assert_eq!(ended.err.matches(first).count(), 1, "{}", ended.err);
        let then = format!(
            "because 1 thread of it is blocked\n  cut short before: {} of `left`\n  exit code: \
             {}\n",
            case.0, case.3
        );
        assert!(ended.err.contains(&then), "{}", ended.err);
    }
}

/// The drops of plugins and states belong to the close, which has a limit of its own.
#[test]
fn a_drop_that_blocks_does_not_keep_the_process_from_ending() {
    let all = ended([
        ("drop-of-plugin", "threads", "returns", 75),
        ("drop-of-plugin", "one-thread", "returns", 75),
        ("drop-of-state", "threads", "returns", 75),
        ("drop-of-state", "one-thread", "returns", 75),
    ]);
    for (case, ended) in all {
        assert_eq!(ended.code, Some(case.3), "{case:?}: {}", ended.err);
        assert!(ended.err.starts_with("error[STOP004]: "), "{}", ended.err);
    }
}

/// S50: code after `run` takes as long as it likes: while the runtime lives, and after that if
/// nothing holds that up, or the program has given it up.
#[test]
fn a_program_goes_on_after_run_for_as_long_as_it_likes() {
    let all = ended([
        ("nothing", "threads", "goes-on", 7),
        ("nothing", "one-thread", "goes-on", 7),
        ("nothing", "threads", "goes-on-with-another-runtime", 7),
        ("nothing", "one-thread", "goes-on-with-another-runtime", 7),
        ("nothing", "threads", "holds-the-exit-and-goes-on", 0),
        ("nothing", "one-thread", "holds-the-exit-and-goes-on", 0),
        ("thread", "threads", "abandons-the-runtime-and-goes-on", 7),
        (
            "thread",
            "one-thread",
            "abandons-the-runtime-and-goes-on",
            7,
        ),
        ("thread", "threads", "abandons-the-runtime-and-computes", 7),
        (
            "nothing",
            "one-blocking-thread",
            "holds-the-exit-and-goes-on",
            0,
        ),
        (
            "nothing",
            "one-blocking-thread",
            "goes-on-with-another-runtime",
            7,
        ),
    ]);
    for (case, ended) in all {
        assert_eq!(ended.code, Some(case.3), "{case:?}: {}", ended.err);
        assert_eq!(ended.out.last().unwrap(), "main has ended", "{case:?}");
        assert_eq!(ended.err, "", "{case:?}");
    }
}
