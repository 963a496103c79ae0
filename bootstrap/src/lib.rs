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
//! | leave plugins out | `enabled = ..`, [`Registration::switch_off`], [`App::without`] | [Conditions](guide::conditions) |
//! | boot it | [`App::boot`], [`App::run`], [`Retry`], [`BootError`] | [Boot](guide::boot) |
//! | keep parts apart | [`App::scope`], [`App::barrier`], [`App::recover`], [`LoadContext::register`] | [Parts](guide::parts) |
//! | work in the background | [`RunContext`], [`Supervision`], [`Lazy`], [`Swap`], [`Handle::restart`] | [Run](guide::run) |
//! | reach the app from anywhere | [`current`](current()), [`RequestScope`], [`RequestState`] | [Far away](guide::far_away) |
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

pub mod extend {
    //! What generated code and other crates build plugins with.

    pub use crate::declare::{OnlyOnePluginMayProvide, RequiredBy};
}

pub mod error {
    //! What errors are made of: codes, diagnostics, and the mistakes in how an app is put together.

    pub use crate::base::diagnostic::{Code, Diagnose, Diagnostic, Note, Spot};
    pub use crate::boot::{BootError, BootErrorKind};
    pub use crate::declare::ServiceError;
    pub use crate::life::{RestartError, RestartRefusal};
    pub use crate::plan::PlanErrors;
    pub use crate::report::{
        CloseError, CycleStep, Deadline, Dependent, Found, HookError, HookFailure, LookupError,
        LookupFailure, LookupKey, Mistake, NameKind, SetError, TooLate,
    };
    #[cfg(feature = "config")]
    pub use crate::values::ConfigFault;
}

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

#[doc = include_str!("../guide/plugin-attribute.md")]
pub use bootstrap_macros::plugin;

pub use app::{App, Exit, Running, Scope};
pub use base::key::StateKey;
pub use base::location::Location;
pub use base::name::PluginName;
pub use base::phase::Phase;
pub use boot::{BootError, BootErrorKind, NotStarted};
pub use collect::{Registration, Unused};
pub use declare::{
    AppContext, BarrierContext, Child, ChildScope, CloseContext, Contextual, Current, Declare,
    Descriptor, DrainContext, Entered, ErrorContext, Fields, FnPlugin, Hooks, Ingredients, Inject,
    Lazy, LoadContext, Plugin, PluginList, Policy, Port, Ports, PortsIter, Provided, Provides,
    ProvidesPort, ReadyContext, Replaceable, Restart, Retry, RunContext, Service, ServiceError,
    Shared, State, States, Supervision, Swap, SwapWatch, current,
};
pub use life::{Handle, RestartError, RestartRefusal, ShutdownReason, Signal, Status, StatusWatch};
pub use plan::{
    Edge, Plan, PlanErrors, PlanWarning, PlannedChild, PlannedPlugin, PlannedScope, Shadowed,
    SwitchedOff,
};
pub use report::{
    CloseError, Closing, Deadline, Dependent, HookError, HookFailure, LookupError, LookupFailure,
    Mistake, Outcome, PluginLocation, PluginReport, Progress, Report, SetError, Step,
};
pub use request::{RequestScope, RequestState};
#[cfg(feature = "config")]
pub use secrecy;
#[cfg(feature = "config")]
pub use values::{ConfigFault, Configuration};
