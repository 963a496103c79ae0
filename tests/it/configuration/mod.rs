//! Values from outside: options and sections that are read from a configuration.

mod children;
mod faults;
mod ignored;
mod large;
mod near;
mod reasons;
mod reload;
mod secrets;
mod sections;
mod sources;
mod values;
mod written;

use std::path::{Path, PathBuf};

use bootstrap::error::Mistake;
use bootstrap::{App, Configuration};
use tempfile::TempDir;

/// A folder with files in it.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let files_in = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            files_in.write(name, text);
        }
        files_in
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A text without the folder, whose name nobody knows.
    fn plain(&self, text: &str) -> String {
        let folder = format!("{}/", self.0.path().display());
        text.replace(&folder, "")
    }
}

/// A configuration of one file.
fn of_file(path: &Path) -> Configuration {
    Configuration::new().file(path)
}

/// The variables of a process.
fn variables(configuration: Configuration, all: &[(&str, &str)]) -> Configuration {
    configuration.environment_from("APP", all.iter().copied())
}

/// The mistakes of an app, each as one line.
fn mistakes(app: &App) -> Vec<String> {
    let errors = app.plan().expect_err("the plan has mistakes");
    errors.errors().iter().map(Mistake::to_string).collect()
}

/// The whole diagnosis, without the places in this crate.
fn diagnosis(app: &App, files: &Files) -> String {
    let text = files.plain(&app.plan().expect_err("the plan has mistakes").render());
    let lines = text.lines().map(|line| {
        let Some(start) = line.find("tests/it/") else {
            return line.to_owned();
        };
        let rest = &line[start..];
        let end = rest.find([' ', ')']).unwrap_or(rest.len());
        format!("{}HERE{}", &line[..start], &rest[end..])
    });
    lines.collect::<Vec<_>>().join("\n")
}
