//! Declaring plugins: options, locals, names, states, closures.

use std::time::Duration;

use bootstrap::extend::{Descriptor, Plugin};
use bootstrap::prelude::*;
use bootstrap::{State, plugin_fn};
use support::{Trace, paused};

struct Text(String);

/// Options in all their forms.
#[plugin(states = [Text], collect = never)]
struct Options {
    #[option]
    repeat: Option<usize>,
    #[option(default = "x".into())]
    word: String,
    #[option(required)]
    end: char,
    #[local]
    scratch: Vec<String>,
}

impl Hooks for Options {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Text> {
        let count = self.repeat.unwrap_or(1);
        self.scratch.resize(count, self.word.clone());
        let mut text = self.scratch.concat();
        text.push(self.end);
        Ok(Text(text))
    }
}

/// A14, D60: options are the fields of the plugin's struct, and each registration has its own.
#[test]
fn each_registration_has_options_of_its_own() {
    paused(async {
        let mut app = App::new();
        let mut register = |word: &str, end| {
            let options = Options {
                repeat: None,
                word: word.into(),
                end,
                scratch: Vec::new(),
            };
            app.register(options).handle::<State<Text>>()
        };
        let (yes, no) = (register("yes", '!'), register("no", '?'));
        let running = app.boot().await.unwrap();
        assert_eq!((yes.0.as_str(), no.0.as_str()), ("yes!", "no?"));
        running.close().await.unwrap();
    });
}

/// A14: options of every kind, set and left to their defaults.
#[test]
fn options_are_plain_fields_that_are_set_before_boot() {
    paused(async {
        let mut app = App::new();
        let text: State<Text> = app
            .register(Options {
                repeat: Some(2),
                word: "ab".into(),
                end: '.',
                scratch: Vec::new(),
            })
            .handle();
        let running = app.boot().await.unwrap();
        assert_eq!(text.0, "abab.");
        running.close().await.unwrap();
    });
}

struct Summary(String);

#[plugin(states = [Summary])]
struct Defaults {
    #[option(default = 40 + 2)]
    number: u32,
    #[option]
    list: Vec<u8>,
    nothing: Option<State<Absent>>,
}

#[bootstrap::supplied]
struct Absent;

impl Hooks for Defaults {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Summary> {
        let there = self.nothing.is_some();
        Ok(Summary(format!("{} {:?} {there}", self.number, self.list)))
    }
}

#[test]
fn the_macro_generates_a_default_from_the_options() {
    paused(async {
        let mut app = App::new();
        let summary: State<Summary> = app.register(Defaults::default()).handle();
        let running = app.boot().await.unwrap();
        assert_eq!(summary.0, "42 [] false");
        running.close().await.unwrap();
    });
}

#[plugin]
struct HTTPServer2;

impl Hooks for HTTPServer2 {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "given")]
struct Named;

impl Hooks for Named {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        assert_eq!(cx.name(), "given");
        Ok(())
    }
}

/// A66, R1: a plugin is called what it says, or else as its struct, in kebab case.
#[test]
fn a_name_is_given_or_made_of_the_structs_name() {
    assert_eq!(HTTPServer2.descriptor().name(), "http-server2");
    assert_eq!(Named.descriptor().name(), "given");
    assert_eq!(Options::name_of_the_type(), "options");
}

impl Options {
    fn name_of_the_type() -> String {
        let options = Options {
            repeat: None,
            word: String::new(),
            end: ' ',
            scratch: Vec::new(),
        };
        options.descriptor().name().to_string()
    }
}

struct Left(u8);
struct Right(u8);

/// Several states, in the order of the list.
#[plugin(states = [Left, Right])]
struct Both(#[option(default = 7)] u8);

impl Hooks for Both {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Left, Right)> {
        Ok((Left(self.0), Right(self.0 + 1)))
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        let (left, right) = cx.states();
        anyhow::ensure!((left.0, right.0) == (7, 8));
        Ok(())
    }
}

#[plugin]
struct Reader(State<Left>, State<Right>);

impl Hooks for Reader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        anyhow::ensure!(self.0.0 == 7 && self.1.0 == 8);
        Ok(())
    }
}

/// R4: what a registration hands out before the boot can be read after it, by type.
#[test]
fn a_registration_gives_a_handle_to_each_of_its_states() {
    paused(async {
        let mut app = App::new();
        let both = app.register(Both(7));
        let left: State<Left> = both.handle();
        let right: State<Right> = both.handle();
        assert!(State::get(&left).is_none() && State::get(&right).is_none());
        let running = app.boot().await.unwrap();
        assert_eq!((left.0, right.0), (7, 8));
        running.close().await.unwrap();
    });
}

/// R3: the states of a plugin are a tuple whose types are known.
#[test]
fn several_states_are_a_tuple_in_the_order_of_the_list() {
    paused(async {
        let app = App::new().with(Reader::default()).with(Both::default());
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// A16: a hook without an `await` is as good as any.
/// A17: and so is one that waits.
#[test]
fn a_load_may_be_ready_at_once_or_wait() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let log = trace.clone();
        let at_once = app.register(plugin_fn("at-once", async move |_| {
            log.add("at once");
            Ok(())
        }));
        let log = trace.clone();
        app.register(plugin_fn("later", async move |_| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            log.add("later");
            Ok(())
        }))
        .after(&at_once);
        app.boot().await.unwrap().close().await.unwrap();
        assert_eq!(trace.events(), ["at once", "later"]);
    });
}

#[test]
fn a_closure_plugin_is_told_its_name_and_gets_a_handle() {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("closure", async |cx| {
            assert_eq!(cx.name(), "closure");
            cx.handle().shutdown();
            tokio::task::yield_now().await;
            Ok(())
        }));
        let error = app.boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "boot was interrupted: shutdown was requested"
        );
    });
}

#[plugin(load_timeout = "250ms", close_timeout = "2m", name = "limits")]
struct Limits;

impl Hooks for Limits {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        std::future::pending().await
    }
}

#[test]
fn a_limit_in_the_attribute_is_a_duration() {
    paused(async {
        let error = App::new().with(Limits).boot().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "[limits] Plugin load failed: timed out after 250 ms"
        );
    });
}

/// A plugin for any kind of thing, which can only be registered.
#[plugin(collect = never)]
struct Generic<T: Clone + Send + Sync + 'static> {
    #[option(required)]
    thing: T,
    text: Option<State<Text>>,
}

impl<T: Clone + Send + Sync + 'static> Hooks for Generic<T> {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = (self.thing.clone(), &self.text);
        Ok(())
    }
}

#[test]
fn a_plugin_that_is_registered_may_be_generic() {
    paused(async {
        let app = App::new()
            .with(Generic {
                thing: 1_u8,
                text: None,
            })
            .with(Generic {
                thing: "two",
                text: None,
            });
        let error = app.plan().unwrap_err();
        assert_eq!(error.to_string(), "2 plugins are called `generic`");

        let mut app = App::new();
        app.register(Generic {
            thing: 1_u8,
            text: None,
        })
        .named("one");
        app.register(Generic {
            thing: "two",
            text: None,
        })
        .named("two");
        app.boot().await.unwrap().close().await.unwrap();
    });
}

struct Boxed;

#[bootstrap::extend::async_trait]
impl Plugin for Boxed {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("boxed")
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<bootstrap::extend::States> {
        Ok(bootstrap::extend::States::new())
    }
}

#[test]
fn a_boxed_plugin_is_a_plugin() {
    paused(async {
        let plugins: Vec<Box<dyn Plugin>> = vec![Box::new(Boxed), Box::new(Named)];
        let app = plugins.into_iter().fold(App::new(), App::with);
        let plan = app.plan().unwrap();
        let names: Vec<_> = plan
            .order()
            .map(|plugin| plugin.name().to_string())
            .collect();
        assert_eq!(names, ["boxed", "given"]);
        app.boot().await.unwrap().close().await.unwrap();
    });
}

/// A fake that takes the place of `Both` in tests.
#[plugin(states = [Left, Right], replaces = Both)]
struct FakeBoth;

impl Hooks for FakeBoth {
    async fn load(&mut self, _: &mut LoadContext) -> Result<(Left, Right)> {
        Ok((Left(7), Right(8)))
    }
}

#[test]
fn a_stand_in_takes_the_place_of_a_plugin_where_it_is_registered() {
    paused(async {
        let mut app = App::new().with(Reader::default());
        let real = app.register(Both(1));
        app.register(FakeBoth);
        let left: State<Left> = real.handle();
        let running = app.boot().await.unwrap();
        assert_eq!(
            running.plan().to_string(),
            "2 plugins\nlevel 0\n  fake-both\nlevel 1\n  reader <- fake-both"
        );
        assert_eq!(running.try_get::<State<Left>>().unwrap().0, 7);
        assert_eq!(left.0, 7, "also what was taken before boot");
        running.close().await.unwrap();
    });
}

/// `after` means whoever takes the place of the plugin that it names.
#[test]
fn what_loads_after_a_plugin_loads_after_its_stand_in() {
    #[plugin(name = "after-both", after = [Both])]
    struct AfterBoth;

    impl Hooks for AfterBoth {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    let plan = App::new().with(AfterBoth).with(FakeBoth).plan().unwrap();
    assert_eq!(
        plan.to_string(),
        "2 plugins\nlevel 0\n  fake-both\nlevel 1\n  after-both <- fake-both"
    );
}

#[test]
fn the_last_name_that_a_registration_is_given_holds() {
    let mut app = App::new();
    let registration = app.register(Named).named("x").named("y");
    assert_eq!(registration.name(), "y");
    assert_eq!(app.plan().unwrap().to_string(), "1 plugin\nlevel 0\n  y");
}
