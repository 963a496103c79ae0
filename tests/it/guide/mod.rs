//! The guide, `bootstrap/guide`.

use std::fs;
use std::path::{Path, PathBuf};

mod codes;
mod pages;
mod snippets;
mod texts;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folder() -> PathBuf {
    repository().join("bootstrap/guide")
}

fn read(file: &str) -> String {
    fs::read_to_string(folder().join(file)).unwrap()
}
