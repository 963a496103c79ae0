//! What each binary of the shop does, and what is said when one link is left out.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No binary lives longer than this, whatever it does.
const HARD_DEADLINE: Duration = Duration::from_mins(1);

/// How a binary ended: the code, and all that it printed.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(binary: &str, arguments: &[&str]) -> Ended {
    let mut child = Command::new(binary)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let code = wait(&mut child);
    // Some lines, which a pipe holds: nobody has to read while the binary runs.
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.unwrap().read_to_string(&mut out).unwrap();
    child.stderr.unwrap().read_to_string(&mut err).unwrap();
    let err = without_lines(&err);
    Ended { code, out, err }
}

fn wait(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + HARD_DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the binary hangs");
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// `src/lib.rs:34` becomes `src/lib.rs`.
fn without_lines(text: &str) -> String {
    let mut parts = text.split(".rs:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(".rs");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[track_caller]
fn serves(ended: &Ended, lines: &[&str]) {
    assert_eq!(ended.err, "");
    assert_eq!(ended.out.lines().collect::<Vec<_>>(), lines);
    assert_eq!(ended.code, Some(0));
}

/// Ends with the code of a mistake in the app (`EX_CONFIG`), before any hook has run.
#[track_caller]
fn refuses(ended: &Ended, diagnosis: &str) {
    assert_eq!(ended.out, "");
    let with_code = diagnosis.replace("\n  help: ", "\n  exit code: 78\n  help: ");
    assert_eq!(ended.err.trim_end(), with_code);
    assert_eq!(ended.code, Some(78));
}

const OVER_SMTP: &str = "order 1 is in shop.db, mail to ada@example.org over mail.example";
const INTO_THE_LOG: &str = "order 1 is in shop.db, mail to ada@example.org into the log";
const DISK_IS_FINE: &str = "disk-check: fine";

/// What stands in front of the help when a state's crate asks for a port that nobody provides.
const NOBODY_MAILS: &str = "\
error[BOOT001]: plugin `orders` needs the port `dyn Mailer`, and nothing in this app provides it
  --> tests/crates/orders/src/lib.rs (field `mailer: Port<dyn Mailer>`)
  wanted by: http -> orders
  help: link a crate with a plugin that has it in its `ports = [dyn Mailer]`: write \
`bootstrap::link!(its_crate);` next to `main` (what nothing refers to, the linker leaves out); or \
add `.supply(Port::<dyn Mailer>::from_arc(..))`, or make the field an `Option<Port<dyn Mailer>>`";

#[test]
fn ten_crates_boot_from_what_the_binary_links() {
    let ended = run(env!("CARGO_BIN_EXE_shop-of-crates"), &[]);
    serves(&ended, &[OVER_SMTP, DISK_IS_FINE]);
}

/// `verify!` in `main.rs` says that the plugins are there; this, that nothing names their crates.
#[test]
fn the_crates_of_states_are_there_although_the_shop_does_not_even_depend_on_them() {
    let manifest = include_str!("../Cargo.toml");
    let (dependencies, _) = manifest.split_once("[dev-dependencies]").unwrap();
    let main = include_str!("../src/main.rs");
    let code = main.lines().filter(|line| !line.starts_with("//!"));
    let code: String = code.collect();
    for state in ["config", "database", "health", "orders"] {
        assert!(!dependencies.contains(&format!("shop-{state}")), "{state}");
        assert!(!code.contains(&format!("shop_{state}")), "{state}");
    }
}

#[test]
fn another_binary_sends_mail_by_another_crate_because_it_links_that_one() {
    let ended = run(env!("CARGO_BIN_EXE_shop-dev"), &[]);
    serves(&ended, &[INTO_THE_LOG, DISK_IS_FINE]);
}

#[test]
fn without_the_link_of_who_provides_a_port_the_diagnosis_says_how_to_link_it() {
    let ended = run(env!("CARGO_BIN_EXE_neither"), &[]);
    refuses(&ended, NOBODY_MAILS);
}

#[test]
fn a_binary_may_bring_what_no_crate_provides() {
    let ended = run(env!("CARGO_BIN_EXE_neither"), &["supplied"]);
    serves(
        &ended,
        &[
            "order 1 is in shop.db, mail to ada@example.org by pigeon",
            DISK_IS_FINE,
        ],
    );
}

#[test]
fn without_the_link_of_the_server_that_nobody_needs_the_diagnosis_says_how_to_link_it() {
    let ended = run(env!("CARGO_BIN_EXE_without-http"), &[]);
    refuses(&ended, &expected("http"));
}

#[test]
fn without_the_link_of_one_of_many_the_diagnosis_says_how_to_link_it() {
    let ended = run(env!("CARGO_BIN_EXE_without-disk-check"), &[]);
    refuses(&ended, &expected("disk-check"));
}

/// Why there is `expect`: of all health checks, one less is no mistake.
#[test]
fn without_its_link_one_of_many_that_nobody_expects_is_not_missed() {
    let ended = run(env!("CARGO_BIN_EXE_without-disk-check"), &["unexpected"]);
    serves(&ended, &[OVER_SMTP, "nobody looks after the shop"]);
}

fn expected(plugin: &str) -> String {
    format!(
        "error[BOOT006]: plugin `{plugin}` is expected, and is not part of this app\n  help: if \
         nothing refers to its crate, the linker leaves it out: write \
         `bootstrap::link!(its_crate);` next to `main`; if it is `collect = never`, register it"
    )
}

#[test]
fn two_that_are_linked_for_one_port_are_named_with_the_ways_to_choose() {
    let ended = run(env!("CARGO_BIN_EXE_both"), &[]);
    refuses(
        &ended,
        "error[BOOT003]: plugin `orders` needs the port `dyn Mailer`, and 2 plugins in this app \
         provide it\n  \
         --> tests/crates/orders/src/lib.rs (field `mailer: Port<dyn Mailer>`)\n  \
         wanted by: http -> orders\n  \
         provided by: `mail-log` (tests/crates/mail-log/src/lib.rs)\n  \
         provided by: `smtp` (tests/crates/mail-smtp/src/lib.rs)\n  \
         help: link the crate of one of them only; or register the one that you mean; or ask for \
         all of them, with a `Ports<dyn Mailer>`",
    );
}

/// `verify!` in `both.rs` says who is there besides.
#[test]
fn of_two_that_are_linked_the_one_that_the_binary_prefers_is_meant() {
    for (how, mail) in [
        ("log-is-registered", INTO_THE_LOG),
        ("smtp-is-registered", OVER_SMTP),
        ("log-alone", INTO_THE_LOG),
    ] {
        let ended = run(env!("CARGO_BIN_EXE_both"), &[how]);
        serves(&ended, &[mail, DISK_IS_FINE]);
    }
}

/// Why `verify!` belongs into the crate of `main`: this binary is another one, and refers to
/// nothing of the shop.
#[test]
fn a_test_binary_links_what_it_refers_to_itself() {
    assert!(bootstrap::App::collect().plan().unwrap().is_empty());
}
