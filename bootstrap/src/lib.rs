//! Boot an application as a graph of plugins that the compiler has proven.
//!
//! A service is twenty components: configuration, a database, a cache, consumers, an HTTP server.
//! Each needs some of the others before it can start, and must be gone before they go. With this
//! crate each component is a plugin that says what it needs and what it gives, and the rest
//! follows: the graph is proven at compile time, booted in parallel, undone when a step fails,
//! and closed in reverse.
//!
//! # A first service
//!
//! ```standalone_crate
//! use bootstrap::prelude::*;
//!
//! // A state: what one plugin makes and others use.
//! struct Config {
//!     database: String,
//! }
//!
//! // A plugin that makes it. Its options are plain data.
//! #[plugin(states = [Config])]
//! struct ConfigPlugin {
//!     #[option(default = "service.toml".into())]
//!     path: String,
//! }
//!
//! impl Hooks for ConfigPlugin {
//!     async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
//!         // .. read `self.path` ..
//!         Ok(Config { database: "service.db".into() })
//!     }
//! }
//!
//! // A plugin that needs it: the field is the requirement.
//! #[plugin(timeout = "5s")]
//! struct Database {
//!     config: State<Config>,
//! }
//!
//! impl Hooks for Database {
//!     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
//!         println!("opening {}", self.config.database);
//!         Ok(())
//!     }
//!
//!     async fn close(&self, _: &CloseContext<Self>) -> Result<()> {
//!         println!("closing {}", self.config.database);
//!         Ok(())
//!     }
//! }
//!
//! # async fn not_main() -> bootstrap::Exit {
//! // #[tokio::main]
//! // async fn main() -> bootstrap::Exit {
//! App::collect().run().await
//! // }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! #     App::collect().boot().await?.close().await?;
//! #     Ok(())
//! # }
//! ```
//!
//! There is no list of plugins. `collect` finds every one that is linked into the binary, `run`
//! lives the whole life of a service: it handles signals, boots, waits, closes, and its result
//! carries the exit code.
//!
//! # Declare
//!
//! [`#[plugin]`](plugin) makes a struct a plugin, and its [`Hooks`] say what it does. The fields
//! say everything else:
//!
//! | field | meaning |
//! |---|---|
//! | `config: State<Config>` | a requirement: loads after the plugin that makes `Config` |
//! | `cache: Option<State<Cache>>` | the same, if that plugin is part of the app; else `None` |
//! | `#[option] size: usize` | an option: plain data that is set before boot |
//! | `#[local] seen: Vec<u8>` | the plugin's own memory |
//!
//! Only `load` has to be written. What it makes it returns, as the plugin's states, and finds
//! again in its other hooks through their context; what needs no letting go of needs no `close`.
//!
//! # Compose
//!
//! - [`App::collect`] holds every plugin of the binary, for `main`. A crate that nothing in the
//!   code refers to is not part of the binary, whatever `Cargo.toml` says: see [`link!`],
//!   [`App::expect`] and [`verify!`].
//! - [`App::new`] is empty, for tests: [`App::with`] adds plugins to it, and [`App::register`]
//!   returns a [`Registration`].
//! - [`App::only`] is one plugin and exactly what it needs.
//!
//! What nobody needs is loaded all the same; [`App::unused`] warns of it, denies it, or skips it.
//!
//! The same plugin may be registered any number of times. Each [`Registration`] has states of its
//! own, and hands out handles to them that go into the fields of other plugins.
//!
//! [`App::scope`] opens a part of the app whose states the other parts do not see: two tenants,
//! each with a `Database` of its own, or an admin server beside the public one. A field is
//! resolved from the inside out; see [`Scope`].
//!
//! A plugin may register others while it loads, its children: [`LoadContext::register`]. Who needs
//! the state of one says nothing of that, but the child does, with `within = Parent`, or the parent,
//! with `children = [..]`, where the child can't name it. Then the state counts as provided, whoever
//! needs it loads after the parent, and what the child needs is collected with that. A child that is
//! registered by hand as well is meant rather than one that a parent is to bring. If the parent does
//! not register it, who needs its state fails, and an optional field is `None`.
//!
//! What has to happen between two halves of an app is a barrier: [`App::after`] calls a hook when
//! everything that was registered before it has loaded, and before anything that is registered
//! after it does. [`App::recover`] is one for when something before it has failed.
//!
//! A value of `main` becomes a state with [`App::supply`], or [`App::supply_arc`]; declare its type with [`supplied!`].
//! Plugins that are made at run time implement [`Plugin`] by hand, or are closures:
//! [`App::register_fn`].
//!
//! # Configure
//!
//! With the feature `config`, [`App::configure`] gives an app a [`Configuration`]: files, variables of the
//! environment, values of `main`. `#[option(config = "database.size", default = 8)]` on a field reads one value, or, with
//! the key of a table, anything that `serde` can read from that; [`section!`] makes such a type a state.
//! Everything is read before anything runs, and every fault is a [`PlanError`], with the line in the file or
//! the name of the variable. Values are never shown.
//!
//! # Switch off
//!
//! A plugin that is switched off is not part of the plan, and never loaded; [`Plan::switched_off`] says why.
//!
//! | how | for what |
//! |---|---|
//! | `#[plugin(enabled = is_wanted)]` | the plugin itself: a function that returns a `bool`, or a `Result` whose error says why not |
//! | `#[plugin(enabled = "mail.enabled")]` | a key of the configuration; without it, the plugin is on |
//! | `#[plugin(enabled = ("mail.enabled", false))]` | the same; without it, the plugin is off |
//! | [`Registration::switch_off`], [`Registration::enabled`] | one registration |
//! | [`App::without`] | every plugin of a type, also those that are collected |
//!
//! Functions and keys are asked once a plan, before it is made, and not again when a part restarts. Nothing is collected for such a plugin alone.
//! A field that can do without its states is `None`; any other one is a plan error that says who is off, why, and
//! how to switch it on. An `after` it is no order any more, [`App::expect`] takes it for present, and a stand-in that is off stands in for nobody. A
//! parent that is off brings no children; a child that is off does not join when its parent registers it, and nobody waits for it.
//!
//! # What is checked when
//!
//! | when | what | how it is told |
//! |---|---|---|
//! | compile time | every required state has exactly one provider; no circle, of any length; states and hooks are `Send`; no misuse of attributes; no app is used that has not booted, is changed after boot, or closed twice | errors at your own tokens, all of one run |
//! | [`App::plan`], without running anything | every provider is part of *this* app; handles and names are unambiguous; no circle through `after`, barriers, children or plugins made at run time; supplied states are there, once | [`PlanErrors`], all at once, with file and line of both ends |
//! | [`App::boot`] | hooks succeed, in time | [`BootError`], after everything that had loaded is closed |
//!
//! The proof at compile time needs no list and crosses crates: each state's type knows who makes
//! it. `plan` is one line in the tests of your binary: [`bootstrap::verify!();`](verify), which can
//! also hold the app to a list of plugins.
//!
//! # Boot
//!
//! Every plugin loads the moment that what it needs is there, so a boot takes as long as its
//! longest chain. [`App::serial`] and [`App::max_concurrency`] are for those who want less.
//! [`App::boot_timeout`], [`App::load_timeout`] and `timeout = ".."` on a plugin limit it.
//!
//! Then comes, one after the other:
//!
//! 1. the app's hooks [`App::on_pre_ready`], which see what every load did;
//! 2. the factories of services, [`App::service`], in the order of their registration;
//! 3. the `ready` hooks of plugins, providers first;
//! 4. the hooks [`App::on_ready`], and those that plugins have added with
//!    [`cx.on_ready(..)`](LoadContext::on_ready) in their `load`;
//! 5. the hooks [`App::on_start`]. Now the app is [`Status::Ready`], and `run` hooks begin.
//!
//! If a load fails, panics or takes too long, nothing more is started, what is under way is
//! cancelled, and exactly what had loaded is closed, in reverse. The error names the plugin and
//! keeps yours as its [`source`](std::error::Error::source). [`App::run`] prints the whole
//! diagnosis; if you call [`App::boot`], print [`BootError::render`] or return the error itself from
//! `main` (`Result<(), BootError>`): an `anyhow::Error` shows only one line of it and its causes.
//!
//! What a `load` acquires step by step it gives back by
//! [`cx.on_close(..)`](LoadContext::on_close), whatever becomes of it. [`Retry`] tries it again.
//! One that takes long says how far it is, with [`cx.progress(..)`](LoadContext::progress).
//!
//! A load that blocks its thread, instead of waiting, does not stop others on a runtime with
//! several threads, and is left behind when its time is up. Still: move what blocks into
//! [`tokio::task::spawn_blocking`].
//!
//! # Run and close
//!
//! A `run` hook is a task of its plugin; [`cx.spawn(..)`](LoadContext::spawn) is for more of them.
//! What happens when one ends, fails or panics is for a [`Supervision`] to say: stop the app, start
//! it again, do without it. [`App::on_error`] hears of every error, in whatever hook or task.
//!
//! Closing goes backwards over the graph, in phases, each done for all plugins before the next:
//! `drain`, the end of the `run` tasks, `close`. A hook that fails, panics or hangs keeps nothing
//! else from closing; all errors are returned. Every hook has a limit (10 s) and so has the whole
//! (30 s): [`App::hook_timeout`], [`App::close_timeout`], `close_timeout = ".."` on a plugin.
//!
//! A running app can be restarted in part: [`Handle::restart`] closes a plugin and what depends on
//! it, and loads that again with states of its own, while the rest goes on.
//!
//! [`Handle`] is for everyone who does not own the app: it asks it to stop, waits for the end, and
//! tells the [`Status`] for health checks. [`Exit`] lists the exit codes.
//!
//! # From far away
//!
//! A field is what the compiler proves. For code to which nobody hands anything, [`current`](current())
//! finds the app around: its states, its services, its handle, in whatever a hook, a task of a plugin
//! or a request runs. What is spawned by hand takes it along on purpose, with [`Current::spawn`].
//!
//! [`Running::request_scope`] opens a [`RequestScope`]: values of one request or job, which no other
//! one sees, and which [`RequestState`] finds wherever the request runs. What changes for all of them
//! while the app runs is a [`Swap`] in a state.
//!
//! # Report
//!
//! [`Report`] says how long every plugin loaded and closed, drawn as a tree of who waited for
//! whom; it can be had at any time. [`Plan`] draws the graph before anything has run.
//!
//! What happens goes to [`tracing`](https://docs.rs/tracing) as well, with the target `bootstrap`:
//! the list of plugins before the boot, a span for every hook, both trees from [`App::run`], every
//! error while closing, and a warning for hooks that take longer than 10 s to boot, or 5 s to close.
//!
//! # Test
//!
//! ```
//! use bootstrap::prelude::*;
//!
//! # struct Clock(u32);
//! # #[plugin(states = [Clock])]
//! # struct SystemClock;
//! # impl Hooks for SystemClock {
//! #     async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> { Ok(Clock(12)) }
//! # }
//! # struct Greeting(&'static str);
//! # #[plugin(states = [Greeting])]
//! # struct Greeter { clock: State<Clock> }
//! # impl Hooks for Greeter {
//! #     async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
//! #         Ok(Greeting(if self.clock.0 < 12 { "good morning" } else { "good evening" }))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! // The plugin and what it needs, with a value in the place of the real clock.
//! let running = App::only(Greeter::default()).supply(Clock(20)).boot().await?;
//! assert_eq!(running.state::<Greeting>()?.0, "good evening");
//! running.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! For a fake that needs more than a value, declare a plugin with `stands_in_for`: it takes the
//! place of another where it is registered; see [`#[plugin]`](plugin).
//!
//! The feature `testing` has more: a record of what happened, faults in any hook, a clock that
//! stands still, and `bootstrap::testing::explore`, which boots and closes an app of yours under
//! every fault and says what is left open, closed twice, or hangs.
//!
//! # Several crates
//!
//! A state is a type of the crate whose plugin makes it; others depend on that crate and ask for
//! the state. Wrap a foreign type in one of your own: `pub struct Pool(pub SqlitePool);`. A state
//! type in one crate and its provider in another is what coherence forbids (E0117); if the type
//! has to live in a crate of its own, let `main` [`supply`](App::supply) it, or implement
//! [`Plugin`] by hand for its provider.
//!
//! What several crates may provide is a [`Port`]: who asks and who provides know a crate with the
//! trait, and the binary chooses, by the crate that it links. So a binary has three kinds of crates:
//! those of states, which come by themselves; those at ports, without which the app does not plan;
//! and those that nobody needs. Name the last two with [`link!`], and hold the binary to it:
//!
//! ```test_harness
//! # mod shop_http {
//! #     use bootstrap::prelude::*;
//! #     #[plugin(name = "http")]
//! #     struct Http;
//! #     impl Hooks for Http {
//! #         async fn load(&mut self, _: &mut LoadContext) -> Result<()> { Ok(()) }
//! #     }
//! # }
//! # mod shop_mail_smtp {
//! #     use bootstrap::prelude::*;
//! #     #[plugin(name = "smtp", ports = [str])]
//! #     struct Smtp;
//! #     impl Hooks for Smtp {
//! #         async fn load(&mut self, _: &mut LoadContext) -> Result<std::sync::Arc<str>> {
//! #             Ok("smtp".into())
//! #         }
//! #     }
//! # }
//! // main.rs
//! bootstrap::link!(shop_http, shop_mail_smtp);
//!
//! // A test: the app plans, and holds these plugins and no others.
//! bootstrap::verify!(["http", "smtp"]);
//! ```
//!
//! `tests/crates` in the repository is a workspace of ten crates in this layout, with a binary for
//! each way to choose, and for each link that is left out.
//!
//! # Codes
//!
//! Every diagnosis begins with a code that stays: `error[BOOT010]: ..`; warnings and errors in the
//! log have it in front of them. [`BootError::code`], [`PlanError::code`] and
//! [`CloseError::code`] give it to programs. With what code the process ends is listed at [`Exit`].
//!
//! | code | meaning |
//! |---|---|
//! | `BOOT001` | a state that nothing in the app provides |
//! | `BOOT002` | plugins that depend on each other in a circle |
//! | `BOOT003` | a state that several in the app provide |
//! | `BOOT004` | two plugins, or two scopes, with one name |
//! | `BOOT005` | a state that is supplied twice |
//! | `BOOT006` | an expected plugin that is not there, or one that [`verify!`] does not list |
//! | `BOOT007` | a handle of another app, or an order after a plugin of one |
//! | `BOOT008` | a handle to a state that its plugin does not provide |
//! | `BOOT009` | a name that messages can't show |
//! | `BOOT010` | a hook failed while booting |
//! | `BOOT011` | the boot took too long |
//! | `BOOT012` | the boot was interrupted |
//! | `BOOT013` | no tokio runtime |
//! | `BOOT014` | a tokio runtime without timers |
//! | `BOOT015` | two services with one name |
//! | `BOOT016` | a plugin that nobody needs, where that is denied |
//! | `BOOT017` | something in the configuration is missing or wrong |
//! | `BOOT018` | a predicate that decides about a plugin panicked |
//! | `RUN001` | a part of the app was not restarted |
//! | `STOP001` | a hook failed or panicked while the app closed |
//! | `STOP002` | a task failed or panicked, and the app has stopped because of it |
//! | `STOP003` | a warning: a hook takes long to close, with its limit and who waits for it |
//! | `STOP004` | closing did not end in time: a hook was cut short, left behind, or never begun |
//! | `STOP005` | the tokio runtime was shut down before the app had closed |
//! | `STOP006` | a second signal has ended the process before the app had closed |
//! | `STOP007` | a hook or a task waits for the end of its own app |
//!
//! If several of these apply to a close, the one that counts most is told first: what made the app
//! stop (`STOP002`, `RUN001`), then what did not end in time (`STOP004`, `STOP005`), then hooks that
//! failed (`STOP001`).
//!
//! # Features
//!
//! - `config` (off): [`Configuration`], [`section!`] and what reads them.
//! - `serde` (off): [`Report`] and [`Plan`] can be serialized.
//! - `testing` (off): the test kit, `bootstrap::testing`: records what happens, injects faults, and
//!   explores an app under all of them. For `[dev-dependencies]`.
#![forbid(unsafe_code)]

mod app;
mod base;
mod boot;
mod close;
mod collect;
mod declare;
mod drive;
#[cfg(any(doc, doctest))]
pub mod guide;
mod life;
mod live;
mod plan;
mod report;
mod request;
mod run;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "config")]
mod values;

#[doc(hidden)]
pub mod __private;

pub mod prelude {
    //! What a file that declares plugins needs.

    pub use anyhow::Result;

    pub use crate::{
        App, CloseContext, DrainContext, Hooks, Lazy, LoadContext, Port, Ports, ReadyContext,
        RunContext, State, plugin,
    };
}

pub use anyhow::Result;
pub use async_trait::async_trait;

/// Makes a struct a plugin: its fields are what it needs, its `states` what it gives.
///
/// Write [`impl Hooks`](Hooks) for the struct as well; the rest is generated: its [`Plugin`], its
/// `Default`, its place in [`App::collect`], and the proof that it is in no circle.
///
/// # Arguments
///
/// All are optional.
///
/// | argument | meaning |
/// |---|---|
/// | `name = "database"` | what messages call it; else the struct's name in kebab case |
/// | `states = [Pool, Stats]` | what `load` makes: it returns `()`, the state, or a tuple in this order |
/// | `ports = [dyn Mailer]` | what it provides that any plugin may provide: `load` returns an `Arc` of it, after its states; see [`Port`] |
/// | `primary = true` | meant where several provide the same, as [`Registration::primary`] says of one instance |
/// | `timeout = "5s"` | how long `load` and `ready` may take, each (`ms`, `s`, `m`, `h`) |
/// | `close_timeout = "1m"` | how long `drain`, the end of `run` and `close` may take, each |
/// | `retry = 3` | tries `load` so often, with growing waits; or a [`Retry`] that says which |
/// | `supervise = expr` | a [`Supervision`]: what happens when `run` ends; without it, an error or a panic stops the app |
/// | `after = [Migrations]` | loads after this plugin, if it is part of the app, and needs nothing from it |
/// | `collect = false` | only registered by hand, never by [`App::collect`] or because its states are needed |
/// | `within = Server` | only registered by this plugin, while that loads: a child of it, which the proof knows |
/// | `children = [Routes]` | plugins that this one registers while it loads, and that can't name it: `collect = false` on them |
/// | `enabled = is_wanted` | switched off if this function says so; or by a key of the configuration: `"mail.enabled"`, or `("mail.enabled", false)` if it is off without that |
/// | `stands_in_for = Database` | makes the states of another plugin, and takes its place where it is registered; never collected |
/// | `crate = path` | where this crate is, if it was re-exported |
///
/// # Fields
///
/// | field | meaning |
/// |---|---|
/// | [`State<T>`](State), `Option<State<T>>` | a requirement; bound before `load` |
/// | [`Port<dyn T>`](Port), `Option<Port<dyn T>>`, [`Ports<dyn T>`](Ports) | the same, whoever provides it; all that do |
/// | [`Lazy<State<T>>`](Lazy), `Lazy<Port<dyn T>>` | a requirement that is looked up when it is used, and no order |
/// | `#[option]` | plain data; its type's default unless it is set |
/// | `#[option(default = expr)]` | plain data with this default |
/// | `#[option(required)]` | plain data without a default: such a plugin can only be registered, with `collect = false`, and has no `Default` |
/// | `#[option(config = "database.size", default = expr)]` | the same, read from the app's configuration if the key is set there |
/// | `#[option(config = "database.size")]` | the same; a configuration has to have it. There is a `Default` if the type has one |
/// | `#[local]` | the plugin's own memory: its type's default before `load`, which may change it |
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// pub struct Pool(Vec<u32>);
/// # pub struct Config { connections: u32 }
/// # bootstrap::supplied!(Config);
///
/// /// Opens the database.
/// #[plugin(name = "database", states = [Pool], timeout = "5s")]
/// pub struct Database {
///     config: State<Config>,
///     #[option(default = 3)]
///     pub retries: u32,
/// }
///
/// impl Hooks for Database {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
///         Ok(Pool((0..self.config.connections).collect()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new()
///     .with(Database { retries: 1, ..Database::default() })
///     .supply(Config { connections: 2 });
/// let running = app.boot().await?;
/// assert_eq!(running.state::<Pool>()?.0.len(), 2);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// One that is not put off by a database that comes later, or by a connection that is lost:
///
/// ```
/// use std::time::Duration;
///
/// use bootstrap::prelude::*;
/// use bootstrap::{Policy, Restart, Supervision};
///
/// const OFTEN: Restart = Restart::at_most(10, Duration::from_secs(60));
///
/// #[plugin(retry = 5, supervise = Supervision::new().on_error(Policy::Restart(OFTEN)))]
/// struct Replication;
///
/// impl Hooks for Replication {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         Ok(())
///     }
///
///     async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
///         cx.stopped().await;
///         Ok(())
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # App::new().with(Replication).boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// A stand-in for tests:
///
/// ```standalone_crate
/// # use bootstrap::prelude::*;
/// # pub struct Pool(u32);
/// # #[plugin(states = [Pool])]
/// # struct Database;
/// # impl Hooks for Database {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> { unreachable!() }
/// # }
/// #[plugin(states = [Pool], stands_in_for = Database)]
/// struct FakeDatabase;
///
/// impl Hooks for FakeDatabase {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
///         Ok(Pool(0))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// // The real one is not loaded, nor what only it needs.
/// let running = App::collect().with(FakeDatabase).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// A child, whose state others need: they load after its parent.
///
/// ```
/// use bootstrap::prelude::*;
///
/// #[plugin]
/// struct Server;
///
/// impl Hooks for Server {
///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
///         cx.register(Routes);
///         Ok(())
///     }
/// }
///
/// pub struct Table(&'static str);
///
/// #[plugin(states = [Table], within = Server)]
/// struct Routes;
///
/// impl Hooks for Routes {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Table> {
///         Ok(Table("GET /"))
///     }
/// }
///
/// #[plugin]
/// struct Docs {
///     table: State<Table>,
/// }
///
/// impl Hooks for Docs {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.table.0, "GET /");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(Docs::default()).with(Server);
/// assert_eq!(app.plan()?.edges().count(), 1);
/// app.boot().await?.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// # What the compiler says
///
/// Mistakes in the attribute are reported in words, all of them in one run. The rest is found by
/// the compiler at your own tokens:
///
/// | error | meaning |
/// |---|---|
/// | E0277 at a field, "no plugin provides the state" | no `states` list holds it; list it, or declare it with [`supplied!`] |
/// | E0277 at a field, "can't be injected" | mark the field `#[option]` or `#[local]`, or ask for `State<..>` of it |
/// | E0277 at a field, "can't be read from the configuration" | derive `serde::Deserialize` for its type |
/// | E0119 at a state | two plugins provide it: give each a type of its own, or make one a stand-in |
/// | E0117 at a state | it is a type of another crate: wrap it in one of yours |
/// | E0446 at a state | the plugin is public and the state is not: make both public, or neither |
/// | E0080 at a plugin, "in a circle" | it needs itself through the fields, and children, that the message lists |
/// | E0080 at a plugin, "within each other" | each is to register the other: take a `within` away |
/// | E0080 at a child, "is collected" | mark it with `within = ..`, or with `collect = false` |
/// | E0271 at `load` | it does not return what `states` lists |
/// | "future cannot be sent between threads" at a hook | something that is not `Send` lives across an `await` |
pub use bootstrap_macros::plugin;

pub use app::{App, Exit, Running, Scope};
pub use base::key::StateKey;
pub use base::location::Location;
pub use base::name::PluginName;
pub use base::phase::Phase;
pub use boot::{BootError, BootErrorKind, NotStarted};
pub use collect::{Registration, Unused};
pub use declare::{
    AfterContext, AppContext, CannotSet, Child, ChildScope, CloseContext, Contextual, Current,
    Declare, Descriptor, DrainContext, Entered, ErrorContext, Fields, FnPlugin, Hooks, Ingredients,
    Inject, Lazy, LoadContext, NoApp, Plugin, PluginList, Policy, Port, Ports, PortsIter, Provided,
    Provides, ProvidesPort, ReadyContext, Replaceable, Restart, Retry, RunContext, Service,
    ServiceError, Shared, State, StateError, States, Supervision, Swap, SwapWatch, current,
};
pub use life::{Handle, RestartError, ShutdownReason, Signal, Status, StatusWatch};
pub use plan::{
    Asker, Edge, Place, Plan, PlanError, PlanErrors, PlanWarning, PlannedChild, PlannedPlugin,
    PlannedScope, Shadowed, SwitchedOff,
};
pub use report::{
    Cause, CloseError, Closing, MoreReport, Outcome, PluginError, PluginReport, Progress, Report,
    Step, TimeOf,
};
pub use request::{RequestScope, RequestState, RequestStateError};
#[cfg(feature = "config")]
pub use secrecy;
#[cfg(feature = "config")]
pub use values::{ConfigFault, Configuration};
