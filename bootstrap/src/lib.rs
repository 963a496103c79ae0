#![cfg_attr(not(feature = "config"), doc = include_str!("../guide/links/without-config.md"))]
#![cfg_attr(not(feature = "testing"), doc = include_str!("../guide/links/without-testing.md"))]
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
//! #[plugin(load_timeout = "5s")]
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
//! # What you do, and where it is told
//!
//! The [`guide`] has one page for each topic, in this order; each ends with what can go wrong and how
//! that reads.
//!
//! | you | with | page |
//! |---|---|---|
//! | declare a component | [`#[plugin]`](macro@plugin), [`Hooks`], [`State`] | [Declare](guide::declare) |
//! | put an app together | [`App::collect`], [`App::of`], [`App::new`], [`App::only`], [`Registration`] | [Compose](guide::compose) |
//! | split it into crates | [`Port`], [`Ports`], [`link!`], [`App::expect`], [`verify!`] | [Several crates](guide::crates) |
//! | hand in what `main` has | [`App::supply`], [`supplied!`], [`App::register_with`], [`App::service`] | [Values from outside](guide::values) |
//! | read files and variables | [`App::configure`], [`Configuration`], [`section!`] | [Configuration](guide::configuration) |
//! | leave plugins out | `enabled = ..`, [`Registration::enabled`], [`App::disable`] | [Conditions](guide::conditions) |
//! | boot it | [`App::boot`], [`App::run`], [`Retry`], [`BootError`] | [Boot](guide::boot) |
//! | keep parts apart | [`App::scope`], [`App::barrier`], [`App::recover`], [`LoadContext::register`] | [Parts](guide::parts) |
//! | work in the background | [`RunContext`], [`Supervision`], [`Lazy`], [`Swap`], [`Handle::restart`] | [Run](guide::run) |
//! | reach the app from anywhere | [`current`](Current::try_current()), [`RequestScope`], [`RequestState`] | [Far away](guide::far_away) |
//! | stop it | [`Handle`], [`App::shutdown_timeout`], [`CloseError`], [`Exit`] | [Close](guide::close) |
//! | see what it does | [`Plan`], [`Report`], [`App::on_error`] | [See](guide::see) |
//! | test a part, with fakes | [`App::only`], `replaces` | [Test](guide::test) |
//! | test it under every fault | [`testing`] | [The test kit](guide::test_kit) |
//! | look up a message | [`BootError::code`], [`Mistake::code`], [`CloseError::code`] | [Codes](guide::codes) |
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | plugin | a component: a struct with [`#[plugin]`](macro@plugin) and [`impl Hooks`](Hooks), or one that implements [`Plugin`] by hand |
//! | state | what a plugin's `load` makes; others ask for it with a field [`State<T>`](State) |
//! | port | what any crate may provide; asked for with [`Port<dyn T>`](Port), or all of them with [`Ports`] |
//! | option | plain data of a plugin, `#[option]`, that is set before the boot |
//! | hook | `load`, `ready`, `run`, `drain`, `close`: what a plugin does, and when |
//! | plan | the graph of one app, in the order of the boot: [`Plan`] |
//! | registration | one plugin in one app: [`Registration`]. The same plugin may have several |
//! | scope | a part of an app whose states the other parts do not see: [`Scope`] |
//! | child | a plugin that another one registers while it loads: [`Child`] |
//! | handle | what everyone may hold: a [`State`] of a plugin, or the [`Handle`] of an app |
//!
//! # What is checked when
//!
//! | when | what | how it is told |
//! |---|---|---|
//! | compile time | every required state has exactly one provider; no cycle, of any length; states and hooks are `Send`; no misuse of attributes; no app is used that has not booted, is changed after boot, or closed twice | errors at your own tokens, all of one run |
//! | [`App::plan`], without running anything | every provider is part of *this* app; handles and names are unambiguous; no cycle through `after`, barriers, children or plugins made at run time; supplied states are there, once; the configuration has all that is read | [`PlanErrors`], all at once, with file and line of both ends |
//! | [`App::boot`] | hooks succeed, in time | [`BootError`], after everything that had loaded is closed |
//!
//! The proof at compile time needs no list and crosses crates: each state's type knows who makes
//! it. `plan` is one line in the tests of your binary: [`bootstrap::verify!();`](verify), which can
//! also hold the app to a list of plugins.
//!
//! # Features
//!
//! - `config` (off): [`Configuration`], [`section!`] and what reads them.
//! - `serde` (off): [`Report`] and [`Plan`] can be serialized.
//! - `testing` (off): the test kit, [`testing`]: records what happens, injects faults, and
//!   explores an app under all of them. For `[dev-dependencies]`: it turns on the feature `test-util` of
//!   tokio, so tokio and every crate that depends on it are compiled once more for tests.
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
pub mod plan;
pub mod report;
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
        RunContext, State, plugin, supplied,
    };
}

pub use anyhow::Result;

#[doc = include_str!("../guide/plugin-attribute.md")]
pub use bootstrap_macros::plugin;

/// Declares a state that `main` supplies, on its type.
///
/// Plugins may then have fields `State<Settings>` although no plugin provides `Settings`; an app
/// that requires it and was not given one by [`App::supply`] does not plan.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
///
/// #[supplied]
/// pub struct Settings {
///     pub listen: String,
/// }
///
/// #[plugin]
/// struct Server {
///     settings: State<Settings>,
/// }
///
/// impl Hooks for Server {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.settings.listen, "0.0.0.0:80");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let settings = Settings { listen: "0.0.0.0:80".into() };
/// let running = App::new().with(Server::default()).supply(settings).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub use bootstrap_macros::supplied;

/// Declares a section of the configuration, which is a state, on its type; with the feature
/// `config`.
///
/// The type is read with `serde`, which also says what is missing, what has a default
/// (`#[serde(default)]`) and what is optional. The value is there if the app has a configuration
/// (`App::configure`); nothing has to be registered. In a test, [`supply`](App::supply) another one.
///
/// A key that the type does not know is a fault of the plan, also without
/// `#[serde(deny_unknown_fields)]`. Without a key, `#[section]`, the type is the whole configuration.
/// A field `Option<State<..>>` is `None` if the configuration does not have the section.
///
/// The plugin that provides it is called by its key, `config.database`, and `config` for the whole;
/// [restart](Handle::restart) it to read the sources anew.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "config")]
/// # mod example {
/// use bootstrap::prelude::*;
/// use bootstrap::secrecy::SecretString;
/// use bootstrap::{Configuration, section};
/// use serde::Deserialize;
///
/// #[section("database")]
/// #[derive(Deserialize)]
/// struct DatabaseSection {
///     url: String,
///     password: SecretString,
///     #[serde(default)]
///     size: u32,
/// }
///
/// #[plugin]
/// struct Database {
///     section: State<DatabaseSection>,
/// }
///
/// impl Hooks for Database {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.section.url, "db.example");
///         Ok(())
///     }
/// }
///
/// # pub async fn example() -> Result<()> {
/// let configuration = Configuration::new()
///     .set("database.url", "db.example")
///     .set("database.password", "hunter2");
/// let app = App::new().with(Database::default()).configure(configuration);
/// app.boot().await?.close().await?;
///
/// let error = App::new()
///     .with(Database::default())
///     .configure(Configuration::new().environment("APP"))
///     .plan()
///     .unwrap_err();
/// assert_eq!(error.errors().len(), 2, "both that are missing");
/// # Ok(())
/// # }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// #     #[cfg(feature = "config")]
/// #     example::example().await?;
/// #     Ok(())
/// # }
/// ```
pub use bootstrap_macros::section;

pub use app::{App, Exit, Running, Scope};
pub use collect::{Registration, Unused};
pub use declare::{
    Child, CloseContext, Current, DrainContext, Hooks, Lazy, LoadContext, Policy, Port, Ports,
    ReadyContext, Restart, Retry, RunContext, State, Supervision, Swap, SwapWatch, plugin_fn,
    plugin_with,
};
pub use life::Handle;
pub use request::{RequestScope, RequestState};
#[cfg(feature = "config")]
pub use secrecy;
#[cfg(feature = "config")]
pub use values::Configuration;

pub mod context {
    //! What hooks of the app, barriers and scopes of children may use. The contexts of the hooks of
    //! plugins are at the root.

    pub use crate::declare::{AppContext, BarrierContext, ChildScope, ErrorContext};
}

pub mod error {
    //! What can go wrong, typed: `Display` is one line, `Debug` and `render` are the whole diagnosis.
    //!
    //! Every error has a [`Code`] and a [`Diagnostic`]; see [`Diagnose`].

    pub use crate::base::diagnostic::{Code, Diagnose, Diagnostic, Note, Spot};
    pub use crate::boot::{BootError, BootErrorKind, NotStarted};
    pub use crate::life::{RestartError, RestartRefusal};
    pub use crate::plan::error::PlanErrors;
    pub use crate::report::close_error::CloseError;
    pub use crate::report::error::{Deadline, HookError, HookFailure};
    pub use crate::report::lookup_error::{LookupError, LookupFailure, LookupKey, SetError};
    pub use crate::report::mistake::{CycleStep, Found, Mistake, NameKind, TooLate};
    #[cfg(feature = "config")]
    pub use crate::values::ConfigFault;
}

pub mod lifecycle {
    //! How far an app is, and why it stops.

    pub use crate::base::phase::Phase;
    pub use crate::life::{ShutdownReason, Signal, Status, StatusWatch};
}

pub mod service {
    //! Values with names: see [`App::service`](crate::App::service).

    pub use crate::declare::{Service, ServiceError};
}

pub mod extend {
    //! For crates that make plugins of something else than a struct with
    //! [`#[plugin]`](macro@crate::plugin), and for plugins that are made at run time.
    //!
    //! An attribute of another crate emits a plain `#[plugin(requires = ..)]` with a constant list of
    //! [`Requirement`]s, and a field of the type [`Requirements`]. A plugin whose name, states or
    //! requirements are only known at run time implements [`Plugin`] by hand. The other traits are
    //! bounds, and are implemented by the attributes.

    pub use async_trait::async_trait;

    pub use crate::app::Selection;
    pub use crate::declare::{
        Contextual, Declare, DerivedRequirement as Requirement, Descriptor, Fields, HandleOf,
        Inject, IntoPlugin, Lookup, OnlyOnePluginMayProvide, Plugin, PluginFn, PluginWith,
        Provided, Provides, ProvidesPort, RequiredBy, Requirements, States, Supply,
    };
}
