#![cfg_attr(not(feature = "config"), doc = include_str!("../guide/links/without-config.md"))]
#![cfg_attr(not(feature = "testing"), doc = include_str!("../guide/links/without-testing.md"))]
//! Boots an application as a graph of plugins that the compiler checks.
//!
//! A service has many components: configuration, a database, a cache, consumers, an HTTP server.
//! Each needs some of the others before it can start, and must stop before they do. With this crate
//! each component is a plugin that declares what it needs and what it provides. The rest follows:
//! the compiler checks the graph, the app boots it in parallel, rolls it back when a step fails, and
//! closes it in reverse.
//!
//! # A first service
//!
//! ```standalone_crate
//! use bootstrap::prelude::*;
//!
//! // A state: a value that one plugin provides and other plugins use.
//! struct Config {
//!     database: String,
//! }
//!
//! // The plugin that provides it. Its options are plain data.
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
//! There is no list of plugins. [`App::collect`] finds every plugin that is linked into the binary.
//! [`App::run`] handles signals, boots, waits and closes, and its result carries the exit code.
//!
//! # Where to find what
//!
//! The [`guide`] has one page for each topic, in this order. Each page ends with what can go wrong
//! and how that reads.
//!
//! | to | use | page |
//! |---|---|---|
//! | declare a component | [`#[plugin]`](macro@plugin), [`Hooks`], [`State`] | [Declare](guide::declare) |
//! | read files and variables | [`App::configure`], [`Configuration`], [`#[section]`](macro@section) | [Configuration](guide::configuration) |
//! | compose an app | [`App::collect`], [`App::new`], [`App::supply`], [`Registration`], [`plugin_fn`], [`plugin_with`], [`verify!`] | [Compose](guide::compose) |
//! | split it into crates | [`Port`], [`Ports`], [`link!`], [`App::expect`] | [Several crates](guide::crates) |
//! | boot it | [`App::boot`], [`App::run`], [`Retry`], [`BootError`](error::BootError) | [Boot](guide::boot) |
//! | work in the background | [`RunContext`], [`Supervision`], [`Lazy`], [`Swap`], [`Handle::restart`] | [Run](guide::run) |
//! | stop it | [`Handle`], [`App::shutdown_timeout`], [`CloseError`](error::CloseError), [`Exit`] | [Close](guide::close) |
//! | test a part, with fakes | [`App::only`], `replaces` | [Test](guide::test) |
//! | test it under every fault | [`testing`] | [The test kit](guide::test_kit) |
//! | disable plugins, choose engines | `enabled = ..`, [`Registration::enabled`], [`App::disable`] | [Conditions](guide::conditions) |
//! | keep parts apart | [`App::scope`], [`App::barrier`], [`App::recover`], [`LoadContext::register`] | [Parts](guide::parts) |
//! | reach the app from anywhere | [`Current`], [`RequestScope`], [`RequestState`] | [Far away](guide::far_away) |
//! | see what it does | [`Plan`](plan::Plan), [`Report`](report::Report), [`App::on_error`] | [See](guide::see), [Logging](guide::logging) |
//! | write a server, a pool, a deployment | | [HTTP](guide::http_server), [Database](guide::database), [Containers](guide::containers) |
//! | decide whether to use it | | [From `main`](guide::from_main), [Why not](guide::why_not) |
//! | look up a message | [`Code`](error::Code), [`Diagnose`](error::Diagnose), [`Diagnostic`](error::Diagnostic) | [Codes](guide::codes) |
//!
//! Types that only appear in signatures, errors and reports are in modules: [`context`], [`error`],
//! [`lifecycle`], [`plan`], [`report`] and [`extend`].
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | plugin | a component: a struct with [`#[plugin]`](macro@plugin) and [`impl Hooks`](Hooks) |
//! | state | a value that one plugin provides, and others require with a field [`State<T>`](State) |
//! | port | a trait object that any crate may provide, required with [`Port<dyn T>`](Port), or all of them with [`Ports`] |
//! | requirement | a field that a plugin needs: it loads after the provider, and closes before it |
//! | option | plain data of a plugin, `#[option]`, that is set before the boot |
//! | hook | `load`, `ready`, `run`, `drain`, `close`: what a plugin does, and when |
//! | plan | the graph of one app, in the order of the boot: [`Plan`](plan::Plan) |
//! | registration | one plugin in one app: [`Registration`]. A plugin may have several |
//! | scope | a part of an app whose states the other parts do not see: [`Scope`] |
//! | child | a plugin that another plugin registers while it loads: [`Child`] |
//! | handle | a reference to a state, a port or an app that may be kept and cloned: [`State`], [`Port`], [`Handle`] |
//!
//! `ARCHITECTURE.md` in the repository has a glossary of all words.
//!
//! # What is checked when
//!
//! | when | what | how it is reported |
//! |---|---|---|
//! | compile time | every required state has exactly one provider; no cycle, of any length; states and hooks are `Send`; attributes are used correctly; no app is used before its boot, changed after it, or closed twice | errors at your own tokens, all of one run |
//! | [`App::plan`], without running anything | every provider is part of *this* app; handles and names are unambiguous; no cycle through `after`, barriers, children or plugins made at run time; supplied states are there, once; the configuration is complete | [`PlanErrors`](error::PlanErrors), all at once, with file and line of both ends |
//! | [`App::boot`] | hooks succeed, in time | [`BootError`](error::BootError), after everything that had loaded is closed |
//!
//! The check at compile time needs no list and crosses crates: the type of each state knows its
//! provider. The plan is one line in the tests of your binary, [`bootstrap::verify!();`](verify), which
//! can also compare the app with a list of plugins.
//!
//! # Features
//!
//! - `config` (off): [`Configuration`], [`#[section]`](macro@section) and what reads them.
//! - `health` (off): `bootstrap::health`, checks that plugins provide, and what runs them.
//! - `serde` (off): [`Report`](report::Report) and [`Plan`](plan::Plan) can be serialized.
//! - `testing` (off): the test kit, [`testing`]. It records what happens, injects faults, and explores
//!   an app under all of them. For `[dev-dependencies]`: it turns on the feature `test-util` of tokio,
//!   so tokio and every crate that depends on it are compiled once more for tests.
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
#[cfg(feature = "health")]
pub mod health;
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
    //! The imports of a file that declares plugins.

    pub use anyhow::Result;

    pub use crate::{
        App, CloseContext, DrainContext, Hooks, Lazy, LoadContext, Port, Ports, ReadyContext,
        RunContext, State, plugin, supplied,
    };
}

pub use anyhow::Result;

#[doc = include_str!("../guide/plugin-attribute.md")]
pub use bootstrap_macros::plugin;

/// Declares a type as a state that `main` supplies.
///
/// Plugins may then have fields `State<Settings>` although no plugin provides `Settings`. An app that
/// requires it and supplies no value with [`App::supply`] does not plan.
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

/// Declares a type as a section of the configuration, which is a state. Requires the feature `config`.
///
/// The type is read with `serde`, which decides what is required, what has a default
/// (`#[serde(default)]`) and what is optional. The state is provided if the app has a configuration
/// (`App::configure`); nothing has to be registered. In a test, [`supply`](App::supply) a value.
///
/// A key that the type does not know is a fault of the plan, even without
/// `#[serde(deny_unknown_fields)]`. Without a key, `#[section]`, the type is the whole configuration.
/// A field `Option<State<..>>` is `None` if the configuration does not have the section.
///
/// The plugin that provides it is named after the key, `config.database`, or `config` for the whole
/// configuration. [Restart](Handle::restart) it to read the sources again.
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
/// assert_eq!(error.errors().len(), 2, "both required keys are missing");
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
#[cfg(feature = "logging")]
pub use app::{Log, log_to_stderr};
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
    //! The contexts of hooks of the app, of barriers and of scopes of children. The contexts of
    //! plugins' hooks are at the root.

    pub use crate::declare::{AppContext, BarrierContext, ChildScope, ErrorContext};
}

pub mod error {
    //! The errors of this crate. `Display` is one line; `Debug` and `render` are the whole diagnosis.
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
    //! The status of an app, and the reasons for which it stops.

    pub use crate::base::phase::Phase;
    pub use crate::life::{ShutdownReason, Signal, Status, StatusWatch};
}

pub mod extend {
    //! The interface for crates that derive plugins, and for plugins that are made at run time.
    //!
    //! An attribute of another crate emits a plain `#[plugin(requires = ..)]` with a function that lists
    //! [`Requirement`]s, and a field of the type [`Requirements`]. A plugin whose name, states or
    //! requirements are known only at run time implements [`Plugin`] by hand. The other traits are
    //! bounds, which the attributes implement.

    pub use async_trait::async_trait;

    pub use crate::app::Selection;
    pub use crate::declare::{
        Contextual, Declare, DerivedRequirement as Requirement, Descriptor, Fields, HandleOf,
        Inject, IntoPlugin, Lookup, OneProviderPerState, Plugin, PluginFn, PluginWith, Provided,
        Provides, ProvidesPort, RequiredBy, Requirements, States, Supply,
    };
    pub use crate::request::Entered;
}
