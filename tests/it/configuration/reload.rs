//! A part that restarts reads the configuration anew.

use bootstrap::error::{RestartError, RestartRefusal};
use bootstrap::prelude::*;
use serde::Deserialize;
use support::{Trace, paused};

use super::{Files, of_file};

#[derive(Deserialize)]
#[bootstrap::section("settings")]
struct Settings {
    size: u32,
}

#[plugin(name = "user", collect = never)]
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
        running.handle().restart("config.settings").await.unwrap();
        running.close().await.unwrap();
    });
    assert_eq!(trace.events(), ["load 1 0", "close", "load 2 3", "close"]);
}

/// A section that nobody in the app asks for.
#[derive(Deserialize)]
#[bootstrap::section("elsewhere")]
struct Elsewhere {
    #[allow(dead_code, reason = "nobody asks for it")]
    size: u32,
}

#[derive(Deserialize)]
#[bootstrap::section]
struct All {
    #[serde(default)]
    size: u32,
}

#[plugin(name = "off", enabled = "off.enabled", collect = never)]
struct Off {
    #[option(config = "off.size", default = 0)]
    size: u32,
}

impl Hooks for Off {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.size;
        Ok(())
    }
}

#[plugin(name = "whole", collect = never)]
struct Whole {
    all: State<All>,
}

impl Hooks for Whole {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.all.size;
        Ok(())
    }
}

#[test]
fn what_others_of_the_binary_would_read_is_known_at_a_restart_as_at_the_boot() {
    let text = "[off]\nenabled = false\nsize = 1\n[elsewhere]\nsize = 1";
    let files = Files::new(&[("service.toml", text)]);
    paused(async {
        let app = App::new().with(Off::default()).with(Whole::default());
        let app = app.configure(of_file(&files.path("service.toml")));
        let plan = app.plan().unwrap();
        assert_eq!((plan.disabled().len(), plan.warnings()), (1, &[][..]));
        let running = app.boot().await.unwrap();
        running.handle().restart("config").await.unwrap();
        files.write("service.toml", "other = 1");
        let error = running.handle().restart("config").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the configuration of the app is wrong: plugin `config` does not know `other`, which the configuration has"
        );
        running.close().await.unwrap();
    });
}

#[test]
fn a_restart_is_refused_for_a_fault_of_somebody_else_by_whose_it_is() {
    let trace = Trace::new();
    let files = Files::new(&[("service.toml", "[settings]\nsize = 1")]);
    paused(async {
        let running = app(&files, &trace).with(Off::default());
        let running = running.boot().await.unwrap();
        let restart = async || running.handle().restart("off").await.unwrap_err();
        files.write("service.toml", "[settings]\nsize = 'big'");
        let error = restart().await;
        assert_eq!(
            error.to_string(),
            "the configuration of the app is wrong: plugin `config.settings` can't read \
             `settings.size`: expected u32, found a string"
        );
        files.write(
            "service.toml",
            "[settings]\nsize = 'big'\nsiez = 1\n[user]\ncount = -1",
        );
        let error = restart().await;
        let RestartError::Refused {
            why: RestartRefusal::Configuration { faults, .. },
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!(faults.len(), 3);
        let story = format!("{error:?}");
        assert!(
            story.contains("app is wrong, for `config.settings`, `user`\n"),
            "{story}"
        );
        files.write("service.toml", "[settings");
        let story = format!("{:?}", restart().await);
        let first = "error[RUN002]: a part of the app did not restart: the configuration of the \
                     app is wrong\n";
        assert!(story.starts_with(first), "{story}");
        running.close().await.unwrap();
    });
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
        let RestartError::Refused {
            why: RestartRefusal::Configuration { faults, .. },
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "plugin `config.settings` can't read `settings.size`: expected u32, found a string",
                "plugin `user` can't read `user.count`: expected u32, found an integer out of range",
            ]
        );
        let story = format!("{error:?}");
        let first = "error[RUN002]: a part of the app did not restart: the configuration of the \
                     app is wrong, for `section Settings`, `user`\n";
        assert!(story.starts_with(first), "{story}");
        let last = "\n  help: correct the configuration, and restart the part again; the app runs on as it was";
        assert!(story.ends_with(last), "{story}");
        files.write("service.toml", "[settings]\nsize = 4");
        running.handle().restart("user").await.unwrap();
        running.close().await.unwrap();
    });
    // The section itself was not part of the restart.
    assert_eq!(trace.events(), ["load 1 0", "close", "load 1 0", "close"]);
}
