//! A standard error, or output, that is closed, full or not read decides about nothing.

use std::fs::OpenOptions;
use std::io::{PipeReader, PipeWriter, Write as _, pipe};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::child::HARD_DEADLINE;

/// Where the output of a program goes.
#[derive(Clone, Copy, Debug)]
enum Sink {
    /// Every write fails: no space is left.
    FullDevice,
    /// There is no such descriptor.
    Closed,
    /// A pipe without a reader.
    Broken,
    /// A pipe that is full, and whose reader does not read.
    FullPipe,
}

const SINKS: [Sink; 4] = [Sink::FullDevice, Sink::Closed, Sink::Broken, Sink::FullPipe];

/// Cases of the program that end by themselves, with their exit codes: a whole life, a plan, a boot
/// and a close that fail, a task, hooks that are left behind.
const CASES: [(&str, i32); 6] = [
    ("clean", 0),
    ("plan", 78),
    ("load-fails", 1),
    ("load-stops-close-fails", 74),
    ("load-blocks", 1),
    ("task-fails", 70),
];

const ENVIRONMENT: [(&str, &str); 2] = [("RUST_BACKTRACE", "0"), ("QUIETLY", "1")];

/// The ends of a pipe, which stays open as long as this lives.
struct Pipe {
    _reader: Option<PipeReader>,
    writer: PipeWriter,
}

impl Pipe {
    fn broken() -> Self {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        Self {
            _reader: None,
            writer,
        }
    }

    /// A thread writes into it until it is full, and then waits in its write.
    fn full() -> Self {
        let (reader, writer) = pipe().unwrap();
        let written = Arc::new(AtomicUsize::new(0));
        let (count, mut flood) = (Arc::clone(&written), writer.try_clone().unwrap());
        thread::spawn(move || {
            while flood.write_all(&[b'.'; 512]).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut before = 0;
        loop {
            thread::park_timeout(Duration::from_millis(50));
            let now = written.load(Ordering::Relaxed);
            if now > 0 && now == before {
                break;
            }
            before = now;
        }
        Self {
            _reader: Some(reader),
            writer,
        }
    }
}

/// Starts a program whose `2` (or `1`) goes into a sink.
fn start(program: &str, args: &[&str], descriptor: u8, sink: Sink) -> (Child, Option<Pipe>) {
    let mut command = Command::new(program);
    command.args(args).envs(ENVIRONMENT).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut pipe = None;
    let to: Stdio = match sink {
        Sink::FullDevice => OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
            .into(),
        Sink::Closed => {
            let run = format!("exec \"$0\" \"$@\" {descriptor}>&-");
            command = Command::new("sh");
            command
                .args(["-c", &run, program])
                .args(args)
                .envs(ENVIRONMENT);
            command.stdin(Stdio::piped());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            Stdio::null()
        }
        Sink::Broken | Sink::FullPipe => {
            let made = match sink {
                Sink::Broken => Pipe::broken(),
                _ => Pipe::full(),
            };
            let writer = made.writer.try_clone().unwrap();
            pipe = Some(made);
            writer.into()
        }
    };
    if descriptor == 2 {
        command.stderr(to);
    } else {
        command.stdout(to);
    }
    (command.spawn().unwrap(), pipe)
}

fn code(mut child: Child, what: &str) -> Option<i32> {
    let deadline = Instant::now() + HARD_DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{what}: it hangs in its own output");
        }
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_standard_error_that_takes_nothing_changes_no_exit_code() {
    let starts = SINKS
        .iter()
        .flat_map(|sink| CASES.map(|case| (*sink, case)));
    let program = env!("CARGO_BIN_EXE_program");
    let started: Vec<_> = starts
        .map(|(sink, case)| (sink, case, start(program, &[case.0], 2, sink)))
        .collect();
    for (sink, (name, expected), (child, _pipe)) in started {
        let what = format!("{name}, {sink:?}");
        assert_eq!(code(child, &what), Some(expected), "{what}");
    }
}

/// The library writes nothing to it; what is left in its buffer is not worth an end.
#[test]
fn a_standard_output_that_takes_nothing_changes_no_exit_code() {
    let starts = SINKS
        .iter()
        .flat_map(|sink| CASES.map(|case| (*sink, case)));
    let program = env!("CARGO_BIN_EXE_program");
    let started: Vec<_> = starts
        .map(|(sink, case)| (sink, case, start(program, &[case.0], 1, sink)))
        .collect();
    for (sink, (name, expected), (child, _pipe)) in started {
        let what = format!("{name}, {sink:?}");
        assert_eq!(code(child, &what), Some(expected), "{what}");
    }
}

/// The guard ends the process without its last words.
#[test]
fn a_process_that_is_held_up_ends_also_if_its_last_words_are_not_read() {
    let program = env!("CARGO_BIN_EXE_leftovers");
    let left = ["thread", "threads", "returns"];
    let started = SINKS.map(|sink| (sink, start(program, &left, 2, sink)));
    for (sink, (child, _pipe)) in started {
        assert_eq!(code(child, &format!("{sink:?}")), Some(75), "{sink:?}");
    }
}

/// The hook of Rust prints panics, and ignores that it can't.
#[test]
fn panics_that_cannot_be_printed_are_errors_as_ever() {
    let program = env!("CARGO_BIN_EXE_program");
    let sinks = [Sink::FullDevice, Sink::Closed, Sink::Broken];
    let started = sinks.map(|sink| (sink, start(program, &["panics"], 2, sink)));
    for (sink, (child, _pipe)) in started {
        assert_eq!(code(child, &format!("{sink:?}")), Some(70), "{sink:?}");
    }
}

/// Where nothing reads it, that hook blocks the thread that panics: a hook that is left behind.
#[test]
fn a_panic_that_waits_for_a_reader_does_not_keep_a_signal_from_ending_the_process() {
    let program = env!("CARGO_BIN_EXE_program");
    let (child, _pipe) = start(program, &["panics"], 2, Sink::FullPipe);
    let id = child.id().to_string();
    // The first signals may come before there are handlers, and would end it at once.
    thread::park_timeout(Duration::from_secs(1));
    let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(sent.success());
    assert_eq!(code(child, "it panics"), Some(75));
}
