//! Texts that are not ours: an error, a panic, a name or a reason can't forge a line of a message,
//! nor steer a terminal.

use std::time::Duration;

use anyhow::Context as _;
use bootstrap::prelude::*;
use bootstrap::testing::explore;
use bootstrap::{Configuration, RequestState, plugin_fn};
use support::paused;

/// What a hostile, or a careless, error says.
const FORGED: &str = "no\nerror[BOOT999]: all is well\r\n  help: go home\u{1b}[2J\u{202e}\n";

/// No line of a message begins like one of ours that is not, and nothing in it is hidden.
#[track_caller]
fn is_honest(text: &str) {
    for line in text.lines() {
        let line = line.trim_start();
        assert!(!line.starts_with("error[BOOT999]"), "{text}");
        assert!(!line.starts_with("help: go home"), "{text}");
    }
    let is_hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(is_hidden), "{text:?}");
}

#[track_caller]
fn is_one_honest_line(text: &str) {
    is_honest(text);
    assert!(!text.contains('\n'), "{text}");
}

fn fails(name: &'static str) -> App {
    let mut app = App::new();
    app.register(plugin_fn(name, async |_| {
        Err(anyhow::anyhow!(FORGED)).context("while\nreading")
    }));
    app
}

#[test]
fn an_error_of_several_lines_stays_behind_a_bar() {
    paused(async {
        let error = fails("broken").boot().await.unwrap_err();
        is_one_honest_line(&error.to_string());
        assert_eq!(
            error.to_string(),
            "[broken] Plugin load failed: while\\nreading: no\\nerror[BOOT999]: all is well\\r\\n  \
             help: go home\\u{1b}[2J\\u{202e}"
        );
        is_honest(&error.render());
        assert_eq!(
            super::lines(&error.render()),
            [
                "error[BOOT010]: [broken] Plugin load failed: while",
                "    | reading",
                "  caused by: no",
                "    | error[BOOT999]: all is well",
                "    |   help: go home\\u{1b}[2J\\u{202e}",
                "  help: remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn errors_and_panics_of_every_hook_are_shown_like_that() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("panics", async |_| panic!("{FORGED}")));
        let error = app.boot().await.unwrap_err();
        is_one_honest_line(&error.to_string());
        is_one_honest_line(&error.failures()[0].failure().to_string());
        is_honest(&error.render());

        let mut app = App::new();
        app.register(plugin_fn("closes", async |cx| {
            cx.on_close(async |_| Err(anyhow::anyhow!(FORGED)));
            cx.spawn("ta\nsk", async |_| {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Err(anyhow::anyhow!(FORGED))
            });
            Ok(())
        }));
        let running = app.boot().await.unwrap();
        let unknown = running.handle().restart(FORGED).await.unwrap_err();
        is_one_honest_line(&unknown.to_string());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let error = running.close().await.unwrap_err();
        assert!(error.errors().len() > 1, "{error:?}");
        is_one_honest_line(&error.to_string());
        is_honest(&error.render());
        is_honest(&error.report().to_string());
    });
}

#[test]
fn an_error_of_another_app_is_indented_as_a_whole() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("outer", async |_| {
            fails("inner").boot().await.map(drop)?;
            Ok(())
        }));
        let error = app.boot().await.unwrap_err();
        is_one_honest_line(&error.to_string());
        is_honest(&error.render());
    });
}

#[test]
fn a_progress_is_one_line() {
    paused(async {
        let mut app = App::new().boot_timeout(Duration::from_secs(1));
        app.register(plugin_fn("slow", async |cx| {
            cx.progress(FORGED);
            std::future::pending().await
        }));
        let error = app.boot().await.unwrap_err();
        is_honest(&error.render());
        assert!(error.render().contains("last progress"), "{error:?}");
    });
}

struct Pool;

#[plugin(states = [Pool], collect = never)]
struct Database;

impl Hooks for Database {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
        Ok(Pool)
    }
}

#[plugin(collect = never)]
struct Api {
    pool: State<Pool>,
}

impl Hooks for Api {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let Pool = *self.pool;
        Ok(())
    }
}

#[test]
fn a_reason_is_one_line_in_plans_drawings_and_mistakes() {
    let mut app = App::new();
    app.register(Database).enabled(false, FORGED);
    let plan = app.plan().unwrap();
    is_one_honest_line(&plan.disabled()[0].to_string());
    for text in [plan.to_string(), plan.to_mermaid(), plan.to_dot()] {
        is_honest(&text);
        assert!(text.contains("because no\\n"), "{text}");
    }
    let mut app = App::new().with(Api::default());
    app.register(Database).enabled(false, FORGED);
    let errors = app.plan().unwrap_err();
    is_one_honest_line(&errors.to_string());
    is_honest(&errors.render());
}

#[test]
fn names_that_can_not_be_are_shown_all_the_same() {
    for name in ["a\nerror[BOOT999]: b", "a\u{1b}[2J", "a\u{202e}b"] {
        let mut app = App::new();
        app.register(Database).named(name);
        app.scope(name, |scope| {
            scope.register(Database);
        });
        let errors = app.plan().unwrap_err();
        assert_eq!(errors.errors().len(), 2, "{errors:?}");
        for error in errors.errors() {
            is_one_honest_line(&error.to_string());
        }
        is_honest(&errors.render());
    }
}

#[test]
fn names_that_are_looked_up_are_one_line() {
    static VALUE: RequestState<u32> = RequestState::named(FORGED);
    is_one_honest_line(&VALUE.try_get().unwrap_err().to_string());
    is_one_honest_line(&VALUE.set(1).unwrap_err().to_string());
}

#[test]
fn keys_and_files_of_a_configuration_are_one_line() {
    let configuration = Configuration::new().file("no\nerror[BOOT999]: such\u{1b}.toml");
    let mut app = App::new().configure(configuration);
    app.register(Database);
    let errors = app.plan().unwrap_err();
    is_one_honest_line(&errors.to_string());
    is_honest(&errors.render());
}

#[test]
fn findings_of_the_test_kit_stay_behind_a_bar() {
    let report = explore(|| fails("broken")).run();
    is_honest(&report.to_string());
    let panics = explore(|| panic!("{FORGED}")).run();
    is_honest(&panics.to_string());
    assert!(
        panics.to_string().contains("\n  | error[BOOT999]"),
        "{panics}"
    );
}

/// A type whose name looks like HTML, which Mermaid reads in labels.
struct Of<T>(T);

#[plugin(states = [Of<u8>], collect = never)]
struct Generic;

impl Hooks for Generic {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Of<u8>> {
        Ok(Of(7))
    }
}

#[plugin(collect = never)]
struct UsesGeneric {
    of: State<Of<u8>>,
}

impl Hooks for UsesGeneric {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        assert_eq!(self.of.0, 7);
        Ok(())
    }
}

#[test]
fn a_drawing_escapes_what_its_language_would_read() {
    let app = App::new().with(Generic).with(UsesGeneric::default());
    let plan = app.plan().unwrap();
    assert!(
        plan.to_mermaid().contains("-->|\"Of#lt;u8#gt;\"| "),
        "{}",
        plan.to_mermaid()
    );
    assert!(
        plan.to_dot().contains("label=\"Of<u8>\""),
        "{}",
        plan.to_dot()
    );
}
