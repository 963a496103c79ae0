//! Compile errors: what the compiler says to each mistake, word for word.
//!
//! One mistake a file, named after it. To take the messages over after a change, run
//! `TRYBUILD=overwrite cargo test -p bootstrap-tests --test ui`, and read them aloud.

#[test]
fn mistakes_are_reported_at_the_users_token_and_correct_programs_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for folder in [
        "args",
        "item",
        "state",
        "ports",
        "lists",
        "hooks",
        "circle",
        "family",
        "config",
        "typestate",
        "verify",
    ] {
        cases.compile_fail(format!("ui/{folder}/*.rs"));
    }
}
