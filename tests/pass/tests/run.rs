//! Correct programs compile, and end well.
//!
//! They are programs of this package and not cases of `trybuild`, which would build everything that they need once
//! more.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::process::Command;

macro_rules! programs {
    ($($name:literal)*) => {
        [$(($name, env!(concat!("CARGO_BIN_EXE_", $name)))),*]
    };
}

#[test]
fn correct_programs_end_well() {
    let programs = programs![
        "configured"
        "declared_by_a_macro_of_another_file"
        "families"
        "fields_with_cfg"
        "hostile_names"
        "no_load"
        "one_macro_many_plugins"
        "ports"
        "reexported"
        "strict_surroundings"
    ];
    for (name, program) in programs {
        let output = Command::new(program).output().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
    }
    let files = std::fs::read_dir("src/bin").unwrap();
    assert_eq!(files.count(), programs.len(), "a program is not listed");
}
