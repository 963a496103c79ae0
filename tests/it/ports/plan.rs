//! What is wrong with ports, before any hook runs.

use std::sync::Arc;

use bootstrap::prelude::*;

use super::*;

#[test]
fn a_port_that_nobody_provides_is_a_plan_error_with_the_three_ways_out() {
    let errors = App::new().with(One::default()).plan().unwrap_err();
    assert_eq!(errors.errors()[0].code(), "BOOT001");
    assert_eq!(
        diagnosis(&errors),
        "error[BOOT001]: plugin `one` needs the port `dyn Mailer`, and nothing in this app provides it\n  \
         --> @ (field `mailer: Port<dyn Mailer>`)\n  \
         registered at: @\n  \
         help: add a plugin that has it in its `ports = [dyn Mailer]` (link its crate, if it is \
         collected), or `.supply(Port::<dyn Mailer>::from_arc(..))`, or make the field an \
         `Option<Port<dyn Mailer>>`"
    );
}

#[test]
fn a_port_that_two_provide_is_a_plan_error_with_the_ways_to_choose() {
    let app = App::new().with(One::default());
    let errors = app
        .with(Mail::by("a"))
        .with(Mail::by("b"))
        .plan()
        .unwrap_err();
    assert_eq!(errors.errors()[0].code(), "BOOT003");
    assert_eq!(
        diagnosis(&errors),
        "error[BOOT003]: plugin `one` needs the port `dyn Mailer`, and 2 plugins in this app provide it\n  \
         --> @ (field `mailer: Port<dyn Mailer>`)\n  \
         registered at: @\n  \
         provided by: `mail#1` (@, registered at @)\n  \
         provided by: `mail#2` (@, registered at @)\n  \
         help: mark one of them as `.primary()` where it is registered; or put the handle of the one \
         that you mean into the field: `registration.handle()`; or ask for all of them, with a \
         `Ports<dyn Mailer>`"
    );
}

#[test]
fn two_primary_ones_are_as_bad_as_two_without() {
    let mut app = App::new().with(One::default()).with(Mail::by("a"));
    app.register(Mail::by("b")).primary();
    app.register(Mail::by("c")).primary();
    let errors = app.plan().unwrap_err();
    let text = diagnosis(&errors);
    let lines: Vec<&str> = text.lines().skip(3).collect();
    assert_eq!(
        lines,
        [
            "  provided by: `mail#2` (@, registered at @)",
            "  provided by: `mail#3` (@, registered at @)",
            "  help: only one of them can be primary: take `.primary()`, or `primary` in `#[plugin]`, away from the others",
        ]
    );
}

#[test]
fn a_port_that_is_supplied_twice_is_a_plan_error() {
    let sends = || Arc::new(Sends("x".into()));
    let app = App::new().with(One::default());
    let app = app.supply(Port::<dyn Mailer>::from_arc(sends()));
    let errors = app
        .supply(Port::<dyn Mailer>::from_arc(sends()))
        .plan()
        .unwrap_err();
    assert_eq!(
        messages(&errors),
        ["the port `dyn Mailer` is supplied 2 times"]
    );
}

#[test]
fn a_supplied_port_that_nobody_asks_for_is_a_warning() {
    let app = App::new().supply(Port::<dyn Mailer>::from_arc(Arc::new(Sends("x".into()))));
    let plan = app.plan().unwrap();
    let [warning] = plan.warnings() else { panic!() };
    let text = warning.to_string();
    assert!(
        text.starts_with("the port `dyn Mailer` is supplied at tests/it/ports/plan.rs"),
        "{text}"
    );
}

/// Each near candidate is told from what was asked for.
#[test]
fn what_is_nearly_the_port_is_named() {
    struct Sized;

    #[plugin(name = "state", states = [Sized], collect = never)]
    struct StatePlugin;

    impl Hooks for StatePlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Sized> {
            Ok(Sized)
        }
    }

    #[plugin(name = "marked", ports = [dyn Mailer + Send], collect = never)]
    struct Marked;

    impl Hooks for Marked {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer + Send>> {
            Ok(Arc::new(Sends("x".into())))
        }
    }

    #[plugin(name = "asks-state", collect = never)]
    struct Asks {
        port: Port<Sized>,
    }

    impl Hooks for Asks {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    let near = |app: App| -> Vec<String> {
        let errors = app.plan().unwrap_err();
        let text = diagnosis(&errors);
        let near = text
            .lines()
            .filter_map(|line| line.strip_prefix("  near: "));
        near.map(str::to_owned).collect()
    };
    assert_eq!(
        near(App::new().with(One::default()).with(Marked)),
        [
            "`dyn Mailer + Send` is provided by `marked` (@, registered at @): a different type: write \
          the same one at both ends"
        ]
    );
    assert_eq!(
        near(App::new().with(Asks::default()).with(StatePlugin)),
        [
            "`Sized` is provided by `state` (@, registered at @): as a state: ask for `State<..>` of it"
        ]
    );
}

#[test]
fn a_port_that_was_supplied_under_its_own_type_is_named() {
    let app = App::new().with(One::default());
    let app = app.supply(Port::from_arc(Arc::new(Sends("x".into()))));
    let text = diagnosis(&app.plan().unwrap_err());
    assert!(
        text.contains(
            "near: the port `Sends` is supplied at @ if it is a `dyn Mailer`, write \
             `.supply(Port::<dyn Mailer>::from_arc(..))`"
        ),
        "{text}"
    );
}

#[test]
fn a_port_with_nearly_the_name_is_named() {
    trait Mailers: Send + Sync {}

    #[plugin(name = "slip", collect = never)]
    struct Slip {
        port: Port<dyn Mailers>,
    }

    impl Hooks for Slip {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    let app = App::new().with(Slip::default()).with(Mail::by("a"));
    let text = diagnosis(&app.plan().unwrap_err());
    assert!(
        text.contains(
            "near: `dyn Mailer` is provided by `mail` (@, registered at @): was that meant?"
        ),
        "{text}"
    );
}

#[test]
fn who_is_linked_and_provides_the_port_is_named_with_the_line_to_write() {
    trait Paper: Send + Sync {}

    struct Blank;

    impl Paper for Blank {}

    #[plugin(name = "linked-paper", ports = [dyn Paper])]
    struct PaperPlugin;

    impl Hooks for PaperPlugin {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Paper>> {
            Ok(Arc::new(Blank))
        }
    }

    #[plugin(name = "writer", collect = never)]
    struct Writer {
        paper: Port<dyn Paper>,
    }

    impl Hooks for Writer {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    let text = diagnosis(&App::new().with(Writer::default()).plan().unwrap_err());
    assert!(
        text.contains(
            "near: plugin `linked-paper` (@) is linked and provides it: add \
             `.with(PaperPlugin::default())` to the app"
        ),
        "{text}"
    );
}

#[test]
fn a_cycle_through_ports_is_found_by_the_plan() {
    #[plugin(name = "hen", ports = [u8], collect = never)]
    struct Hen {
        egg: Port<u16>,
    }

    impl Hooks for Hen {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<u8>> {
            Ok(Arc::new(1))
        }
    }

    #[plugin(name = "egg", ports = [u16], collect = never)]
    struct Egg {
        hens: Ports<u8>,
    }

    impl Hooks for Egg {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<u16>> {
            Ok(Arc::new(1))
        }
    }

    let errors = App::new()
        .with(Hen::default())
        .with(Egg::default())
        .plan()
        .unwrap_err();
    assert_eq!(
        diagnosis(&errors),
        "error[BOOT002]: plugin `egg` depends on itself, through 1 other plugin\n  \
         `egg` -> `hen`: field `hens: Ports<u8>` (@)\n  \
         `hen` -> `egg`: field `egg: Port<u16>` (@)\n  \
         help: `egg` can do without its field `hens`: take it away"
    );
}

#[test]
fn a_port_that_a_plugin_promised_and_did_not_return_is_an_error_of_it() {
    support::paused(async {
        struct Forgets;

        #[bootstrap::extend::async_trait]
        impl bootstrap::extend::Plugin for Forgets {
            fn descriptor(&self) -> bootstrap::extend::Descriptor {
                bootstrap::extend::Descriptor::new("forgets").provides_port::<dyn Mailer>()
            }

            async fn load(&mut self, _: &mut LoadContext) -> Result<bootstrap::extend::States> {
                Ok(bootstrap::extend::States::new())
            }
        }

        let error = App::new().with(Forgets).boot().await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(
                "[forgets] Plugin load failed: returned without the port `dyn Mailer`, which its \
                 descriptor provides"
            ),
            "{text}"
        );
    });
}

#[test]
fn a_plan_shows_ports_as_it_shows_states() {
    let app = App::new().with(One::default()).with(Mail::by("a"));
    let plan = app.plan().unwrap();
    let states: Vec<String> = plan
        .edges()
        .flat_map(|edge| edge.states().map(|it| it.to_string()).collect::<Vec<_>>())
        .collect();
    assert_eq!(states, ["dyn Mailer"]);
    assert!(plan.to_mermaid().contains("p0 -->|\"dyn Mailer\"| p1"));
}

/// What the plan says to do, for a state and a port that are provided in the same way.
fn helps(state: App, port: App) -> [String; 2] {
    [state, port].map(|app| {
        let text = diagnosis(&app.plan().unwrap_err());
        assert!(!text.contains("near: "), "{text}");
        let help = text.lines().last().unwrap();
        help.strip_prefix("  help: ").unwrap().to_owned()
    })
}

/// The help for a state, as it reads for a port.
fn as_port(help: &str) -> String {
    help.replace("Ledger", "Book")
        .replace("State<Book>", "Port<dyn Book>")
        .replace("ledger", "book")
        .replace("`states`", "`ports`")
}

struct Ledger;

trait Book: Send + Sync {}

impl Book for Ledger {}

/// Asks for the state.
#[plugin(name = "reader", collect = never)]
struct LedgerReader {
    ledger: State<Ledger>,
}

impl Hooks for LedgerReader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let Ledger = *self.ledger;
        Ok(())
    }
}

/// Asks for the port.
#[plugin(name = "reader", collect = never)]
struct BookReader {
    book: Port<dyn Book>,
}

impl Hooks for BookReader {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _: &dyn Book = &*self.book;
        Ok(())
    }
}

#[plugin(name = "ledger-plugin", states = [Ledger], collect = never)]
struct LedgerPlugin {
    #[option(required)]
    _path: &'static str,
}

impl Hooks for LedgerPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Ledger> {
        Ok(Ledger)
    }
}

#[plugin(name = "book-plugin", ports = [dyn Book], collect = never)]
struct BookPlugin {
    #[option(required)]
    _path: &'static str,
}

impl Hooks for BookPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Book>> {
        Ok(Arc::new(Ledger))
    }
}

#[test]
fn the_only_linked_provider_of_a_port_is_named_as_that_of_a_state_is() {
    let explicit = helps(
        App::new().with(LedgerReader::default()),
        App::new().with(BookReader::default()),
    );
    let only = helps(
        App::only(LedgerReader::default()),
        App::only(BookReader::default()),
    );
    for [state, port] in [explicit, only] {
        assert_eq!(
            port,
            "plugin `book-plugin` (@) provides it and is never collected: add \
             `.with(BookPlugin { .. })` to the app, or make the field an `Option<Port<dyn Book>>`"
        );
        assert_eq!(as_port(&state), port);
    }
    // What is collected is not searched for what is registered by hand.
    let [state, port] = helps(
        App::only(["linked-paper"]).with(LedgerReader::default()),
        App::only(["linked-paper"]).with(BookReader::default()),
    );
    assert_eq!(as_port(&state), port);
}

#[test]
fn a_provider_that_is_disabled_or_out_of_sight_is_named_for_states_and_ports_alike() {
    let off = |mut app: App, is_port: bool| {
        if is_port {
            app.register(BookPlugin { _path: "x" })
                .enabled(false, "no disk");
            app.with(BookReader::default())
        } else {
            app.register(LedgerPlugin { _path: "x" })
                .enabled(false, "no disk");
            app.with(LedgerReader::default())
        }
    };
    let text = [false, true].map(|it| diagnosis(&off(App::new(), it).plan().unwrap_err()));
    let lines = text.map(|text| {
        let lines: Vec<String> = text.lines().skip(3).map(str::to_owned).collect();
        lines.join("\n")
    });
    assert_eq!(as_port(&lines[0]), lines[1]);
    assert!(
        lines[1].contains("disabled because no disk"),
        "{}",
        lines[1]
    );

    let hidden = |is_port: bool| {
        let mut app = App::new();
        app.scope("inner", |scope| {
            if is_port {
                scope.register(BookPlugin { _path: "x" });
            } else {
                scope.register(LedgerPlugin { _path: "x" });
            }
        });
        let app = if is_port {
            app.with(BookReader::default())
        } else {
            app.with(LedgerReader::default())
        };
        let text = diagnosis(&app.plan().unwrap_err());
        let lines: Vec<String> = text.lines().skip(3).map(str::to_owned).collect();
        lines.join("\n")
    };
    assert_eq!(as_port(&hidden(false)), hidden(true));
    assert!(hidden(true).contains(".export()"), "{}", hidden(true));
}

/// Stand-ins that do not provide what the original does.
#[plugin(name = "fake", replaces = LedgerPlugin)]
struct FakeLedger;

impl Hooks for FakeLedger {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "fake", replaces = BookPlugin)]
struct FakeBook;

impl Hooks for FakeBook {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_stand_in_without_the_port_is_named_as_one_without_the_state_is() {
    let [state, port] = helps(
        App::new().with(FakeLedger).with(LedgerReader::default()),
        App::new().with(FakeBook).with(BookReader::default()),
    );
    assert_eq!(
        port,
        "`fake` replaces `book-plugin`, which provides it, and does not: list it in the `ports` of \
         `fake` as well, or make the field an `Option<Port<dyn Book>>`"
    );
    assert_eq!(as_port(&state), port);
}

mod children {
    use super::*;

    pub struct Ledger;
    pub trait Book: Send + Sync {}
    impl Book for Ledger {}

    #[plugin(name = "library", collect = never)]
    pub struct Library;

    impl Hooks for Library {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            Ok(())
        }
    }

    #[plugin(name = "ledger-child", states = [Ledger], child_of = Library)]
    struct LedgerChild;

    impl Hooks for LedgerChild {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Ledger> {
            Ok(Ledger)
        }
    }

    #[plugin(name = "book-child", ports = [dyn Book], child_of = Library)]
    struct BookChild;

    impl Hooks for BookChild {
        async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Book>> {
            Ok(Arc::new(Ledger))
        }
    }

    #[plugin(name = "reader", collect = never)]
    pub struct LedgerReader {
        ledger: State<Ledger>,
    }

    impl Hooks for LedgerReader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let Ledger = *self.ledger;
            Ok(())
        }
    }

    #[plugin(name = "reader", collect = never)]
    pub struct BookReader {
        book: Port<dyn Book>,
    }

    impl Hooks for BookReader {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            let _: &dyn Book = &*self.book;
            Ok(())
        }
    }
}

#[test]
fn the_parent_that_would_register_the_provider_is_named_for_states_and_ports_alike() {
    let [state, port] = helps(
        App::new().with(children::LedgerReader::default()),
        App::new().with(children::BookReader::default()),
    );
    assert_eq!(
        port,
        "plugin `book-child` (@) provides it, which `library` (@) registers while it loads: add \
         `.with(Library { .. })` to the app, or make the field an `Option<Port<dyn Book>>`"
    );
    assert_eq!(as_port(&state), port);
}
