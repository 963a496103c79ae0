//! Compile errors: what the compiler reports for each mistake, word for word.
//!
//! One mistake a file, named after it. `TRYBUILD=overwrite cargo test -p bootstrap-web --all-features --test ui` writes the
//! snapshots after a change.

#[test]
fn mistakes_are_reported_at_the_users_token() {
    let cases = trybuild::TestCases::new();
    for folder in ["argument", "handler", "hook", "set", "attribute"] {
        cases.compile_fail(format!("tests/ui/{folder}/*.rs"));
    }
}
