//! Faults that turn up in a child's load.

use bootstrap::Configuration;
use bootstrap::prelude::*;
use support::paused;

use super::{Files, of_file, variables};

#[plugin(name = "child", collect = never)]
struct Child {
    #[option(config = "child.size")]
    size: u32,
}

impl Hooks for Child {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.size;
        Ok(())
    }
}

#[plugin(name = "asks", collect = never)]
struct Asks;

impl Hooks for Asks {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        cx.config::<u32>("asks.size")?;
        Ok(())
    }
}

#[plugin(name = "switched", enabled = "child.enabled", collect = never)]
struct Switched;

impl Hooks for Switched {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "parent", collect = never)]
struct Parent {
    #[option(default = |cx| { cx.register(Child::default()); })]
    bring: fn(&mut LoadContext),
}

impl Hooks for Parent {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        (self.bring)(cx);
        Ok(())
    }
}

/// What the boot of a parent says, without the places in this crate.
fn said(bring: fn(&mut LoadContext), configuration: Configuration, files: &Files) -> String {
    let app = App::new().with(Parent { bring }).configure(configuration);
    let error = paused(async { app.boot().await.unwrap_err() });
    let text = files.plain(&error.render());
    let lines = text.lines().map(|line| match line.find("tests/it/") {
        Some(start) => {
            let rest = &line[start..];
            let end = rest.find([' ', ')']).unwrap_or(rest.len());
            format!("{}HERE{}", &line[..start], &rest[end..])
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_value_that_a_child_lacks_is_told_under_its_name_with_what_to_do() {
    let files = Files::new(&[("service.toml", "child.siez = 1")]);
    let configuration = of_file(&files.path("service.toml"));
    assert_eq!(
        said(
            |cx| {
                cx.register(Child::default());
            },
            configuration,
            &files
        ),
        "error[BOOT017]: [parent/child] Plugin load failed: needs `child.size`, and the configuration does not have it\n  --> HERE (option `size: u32`)\n  near: `child.siez` is set (service.toml:1:7): was that meant?\n  registered by: `parent`, in its `load`\n  not started: `parent` <- `parent/child`\n  closed again: `parent`\n  help: write `size = ..` into `[child]` in service.toml"
    );
}

#[test]
fn a_value_that_a_child_refuses_is_told_with_its_place() {
    let files = Files::new(&[]);
    let configuration = variables(Configuration::new(), &[("APP_CHILD__SIZE", "x")]);
    assert_eq!(
        said(
            |cx| {
                cx.register(Child::default());
            },
            configuration,
            &files
        ),
        "error[BOOT017]: [parent/child] Plugin load failed: can't read `child.size`: expected u32, found a string\n  --> HERE (option `size: u32`)\n  found: the environment variable `APP_CHILD__SIZE`\n  registered by: `parent`, in its `load`\n  not started: `parent` <- `parent/child`\n  closed again: `parent`\n  help: correct the environment variable `APP_CHILD__SIZE`"
    );
}

#[test]
fn a_switch_of_a_child_that_says_nothing_is_told_with_its_place() {
    let files = Files::new(&[("service.toml", "child.enabled = 1")]);
    let configuration = of_file(&files.path("service.toml"));
    assert_eq!(
        said(
            |cx| {
                cx.register(Switched);
            },
            configuration,
            &files
        ),
        "error[BOOT017]: [parent/switched] Plugin load failed: can't read `child.enabled`: expected a boolean, found an integer\n  --> HERE\n  found: service.toml:1:7\n  registered by: `parent`, in its `load`\n  not started: `parent` <- `parent/switched`\n  closed again: `parent`\n  help: correct it: service.toml:1:7"
    );
}

#[test]
fn a_key_that_a_load_asks_for_is_told_with_what_to_do() {
    let files = Files::new(&[("service.toml", "")]);
    let configuration = of_file(&files.path("service.toml"));
    assert_eq!(
        said(
            |cx| {
                cx.register(Asks);
            },
            configuration,
            &files
        ),
        "error[BOOT010]: [parent/asks] Plugin load failed: needs `asks.size`, and the configuration does not have it
  --> HERE
    --> HERE
  not started: `parent` <- `parent/asks`
  closed again: `parent`
  help: everything that had loaded has been closed; write `size = ..` into `[asks]` in service.toml"
    );
}
