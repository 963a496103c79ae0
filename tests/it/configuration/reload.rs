//! A part that restarts reads the configuration anew.

use bootstrap::prelude::*;
use bootstrap::{RestartError, section};
use serde::Deserialize;
use support::{Trace, paused};

use super::{Files, of_file};

#[derive(Deserialize)]
struct Settings {
    size: u32,
}

section!(Settings = "settings");

#[plugin(name = "user", collect = false)]
struct User {
    settings: State<Settings>,
    #[option(config = "user.count", default = 0)]
    count: u32,
    #[option(default = Trace::new())]
    trace: Trace,
}

impl Hooks for User {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let (size, count) = (self.settings.size, self.count);
        self.trace.add(format!("load {size} {count}"));
        Ok(())
    }

    async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
        self.trace.add("close");
        Ok(())
    }
}

fn app(files: &Files, trace: &Trace) -> App {
    let user = User {
        trace: trace.clone(),
        ..User::default()
    };
    App::new()
        .with(user)
        .configure(of_file(&files.path("service.toml")))
}

#[test]
fn a_restart_of_a_section_reads_the_files_again() {
    let trace = Trace::new();
    let files = Files::new(&[("service.toml", "[settings]\nsize = 1")]);
    paused(async {
        let running = app(&files, &trace).boot().await.unwrap();
        files.write("service.toml", "[settings]\nsize = 2\n[user]\ncount = 3");
        running.handle().restart("section Settings").await.unwrap();
        running.close().await.unwrap();
    });
    assert_eq!(trace.events(), ["load 1 0", "close", "load 2 3", "close"]);
}

#[test]
fn a_restart_with_a_fault_in_the_configuration_closes_nothing() {
    let trace = Trace::new();
    let files = Files::new(&[("service.toml", "[settings]\nsize = 1")]);
    paused(async {
        let running = app(&files, &trace).boot().await.unwrap();
        files.write(
            "service.toml",
            "[settings]\nsize = 'big'\n[user]\ncount = -3",
        );
        let error = running.handle().restart("user").await.unwrap_err();
        let RestartError::Configuration { faults } = &error else {
            panic!("{error:?}");
        };
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "plugin `section Settings` can't read `settings.size`: expected u32, found a string",
                "plugin `user` can't read `user.count`: expected u32, found an integer out of range",
            ]
        );
        assert!(
            format!("{error:?}").starts_with("error[RUN001]: a part of the app did not restart")
        );
        files.write("service.toml", "[settings]\nsize = 4");
        running.handle().restart("user").await.unwrap();
        running.close().await.unwrap();
    });
    // The section itself was not part of the restart.
    assert_eq!(trace.events(), ["load 1 0", "close", "load 1 0", "close"]);
}
