//! What a hook may do: one context type for each phase, so that misuse does not compile.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
#[cfg(feature = "config")]
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::declare::abilities::{configures, spawns};
use crate::declare::adjust::Adjust;
use crate::declare::app_context::AppContext;
use crate::declare::app_hook::AppHook;
use crate::declare::hooks::Declare;
use crate::declare::lookup::{LookupFrom, looks_up};
#[cfg(feature = "config")]
use crate::declare::outside::{Outside, read_value, value_error};
use crate::declare::plugin::Plugin;
use crate::declare::state::{AnySlot, Origin};
use crate::declare::states::States;
use crate::declare::supervision::Supervision;
use crate::declare::task::TaskRequest;
use crate::declare::value::StateValue;
use crate::life::{Handle, Life, ShutdownReason};
use crate::report::{HookError, LookupError, Mistake};
#[cfg(feature = "config")]
use crate::values::ConfigFault;

/// The app around a hook, as far as contexts may see it.
pub(crate) trait Home: Send + Sync {
    fn life(&self) -> &Arc<Life>;
    fn name_of(&self, node: u32) -> PluginName;
    fn states_of(&self, node: u32) -> States;
    /// Fills a slot with a state of `node`, now or when it has loaded.
    fn fill(&self, node: u32, slot: Arc<dyn AnySlot>);
    /// What [`find_state`](Self::find_state) returns, if that is known already: without a lock.
    fn shown(&self, from: Option<u32>, key: StateKey) -> Option<StateValue>;
    /// The state of a type that a plugin sees, or code outside of all scopes.
    fn find_state(&self, from: Option<u32>, key: StateKey) -> Result<StateValue, LookupError>;
    /// Everything that is provided at a port and seen from a plugin, or from outside of all scopes,
    /// in the order of the plan.
    fn find_all(&self, from: Option<u32>, port: StateKey) -> Vec<(PluginName, StateValue)>;
    /// How long the hook of `node` that runs may take from now on, if that is limited.
    fn remaining(&self, node: u32, phase: Phase) -> Option<Duration>;
    /// Reports an error that no hook returns.
    fn report_error(&self, source: Option<u32>, phase: Phase, error: anyhow::Error);
    /// Whether `node` is in its `load`, where no state may be read that is not a field.
    fn is_in_load(&self, node: u32) -> bool;
    /// What went wrong before a barrier, since the one before it.
    fn errors_before(&self, node: u32) -> Vec<HookError>;
    /// Cancelled once a boot has failed or is interrupted.
    fn boot_cancelled(&self) -> &CancellationToken;
    /// Keeps a hook for the time when `node` closes, or its boot is rolled back.
    fn owe(&self, node: u32, hook: AppHook);
    /// Keeps a hook for the time when everything is ready, if `node` is loading: before those of the app
    /// if it is one of the first.
    fn queue_ready(&self, node: u32, hook: AppHook, is_first: bool);
    /// Spawns a task of `node`.
    fn spawn(&self, node: u32, task: TaskRequest);
    /// Opens a scope for what `parent` brings with it, in that of the parent or another one.
    fn open_scope(&self, parent: u32, around: Option<u32>, name: Arc<str>, at: Location) -> u32;
    /// Registers a child of `parent`, in the scope of that or another one. An error is returned by
    /// each await of the child: it came too late, or is disabled.
    fn enroll(
        self: Arc<Self>,
        parent: u32,
        scope: Option<u32>,
        plugin: Arc<dyn Plugin>,
        at: Location,
    ) -> Result<u32, Box<Mistake>>;
    /// Changes what is said of an entry.
    fn adjust(&self, entry: u32, change: Adjust);
    /// The slot where handles to a state of an entry wait.
    fn slot(
        &self,
        entry: u32,
        make: &mut dyn FnMut(Origin) -> Arc<dyn AnySlot>,
    ) -> Arc<dyn AnySlot>;
    /// Loads what `parent` has registered, up to an entry or all of it, and waits for that.
    fn load_registered(
        self: Arc<Self>,
        parent: u32,
        up_to: Option<u32>,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;
    /// The states of an entry that `parent` awaits, if it has loaded. A disabled one is an error.
    fn states_of_entry(&self, parent: u32, entry: u32) -> Result<Option<States>>;
    /// Notes that the hook of `node` that runs has got somewhere.
    fn progress(&self, node: u32, phase: Phase, text: Cow<'static, str>);

    /// What the app is told from outside.
    #[cfg(feature = "config")]
    fn told(&self) -> Outside;

    /// The key at which `node` reads `key`: below its prefix, if it is that of an option.
    #[cfg(feature = "config")]
    fn key_of(&self, node: u32, key: &str) -> String;
}

/// Where the tasks of an app live.
pub(crate) trait Spawn: Send + Sync {
    fn spawn(&self, node: u32, task: TaskRequest);
}

/// Which hook of which app a context belongs to.
#[derive(Clone)]
pub(crate) struct Site {
    home: Arc<dyn Home>,
    node: u32,
    phase: Phase,
}

impl Site {
    pub(crate) fn new(home: Arc<dyn Home>, node: u32, phase: Phase) -> Self {
        Self { home, node, phase }
    }

    pub(crate) fn home(&self) -> &Arc<dyn Home> {
        &self.home
    }

    pub(crate) fn node(&self) -> u32 {
        self.node
    }

    fn name(&self) -> PluginName {
        self.home.name_of(self.node)
    }

    pub(super) fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home.life()))
    }

    pub(super) fn errors_before(&self) -> Vec<HookError> {
        self.home.errors_before(self.node)
    }

    pub(super) fn from(&self) -> LookupFrom<'_> {
        LookupFrom::new(&*self.home, Some(self.node))
    }

    fn remaining(&self) -> Option<Duration> {
        self.home.remaining(self.node, self.phase)
    }

    fn report_error(&self, error: anyhow::Error) {
        self.home.report_error(Some(self.node), self.phase, error);
    }

    fn progress(&self, text: Cow<'static, str>) {
        self.home.progress(self.node, self.phase, text);
    }

    fn spawn(&self, task: TaskRequest) {
        self.home.spawn(self.node, task);
    }

    #[cfg(feature = "config")]
    fn config<T: DeserializeOwned>(&self, key: &str, at: Location) -> Result<T, ConfigFault> {
        read_value(&self.home.told(), key, self.name(), at)
    }
}

configures!(impl LoadContext);
configures!(impl<P: Contextual + ?Sized> ReadyContext<P>);
configures!(impl<P: Contextual + ?Sized> RunContext<P>);
configures!(impl<P: Contextual + ?Sized> DrainContext<P>);
configures!(impl<P: Contextual + ?Sized> CloseContext<P>);

spawns!(impl LoadContext);
spawns!(impl<P: Contextual + ?Sized> ReadyContext<P>);
spawns!(impl<P: Contextual + ?Sized> RunContext<P>);

/// What [`Hooks::load`](crate::Hooks::load) may use.
///
/// There is no way to read a state here that is not a field: it would be a race with its
/// provider.
#[derive(Clone)]
pub struct LoadContext {
    site: Site,
}

impl LoadContext {
    pub(crate) fn new(site: Site) -> Self {
        Self { site }
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// What this plugin is called in this app.
    pub fn name(&self) -> PluginName {
        self.site.name()
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    ///
    /// Waiting for the app to close in here would wait for this very hook.
    pub fn handle(&self) -> Handle {
        self.site.handle()
    }

    /// A token that is cancelled when the boot fails or is interrupted. The future of `load` is
    /// dropped right after; this is for what it has spawned.
    pub fn cancellation(&self) -> CancellationToken {
        self.site.home.boot_cancelled().clone()
    }

    /// Leaves something to be done when this plugin closes, after its `close` hook and after its
    /// states are let go of; several are done one after the other, the last one first.
    ///
    /// It is owed from now on, also if this `load` fails, panics, takes too long or is cancelled,
    /// when `close` is not called: what a `load` acquires step by step is given back step by step.
    /// Each has the limit of a `close` hook, and one that fails keeps no other from running. It
    /// looks states up as this plugin does, from its scope outwards.
    ///
    /// Once the app has closed this does nothing: the hook is dropped, with a warning in the log.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin]
    /// struct Worker;
    ///
    /// impl Hooks for Worker {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         let path = std::env::temp_dir().join("worker.lock");
    ///         std::fs::write(&path, "locked")?;
    ///         cx.on_close(async move |_| Ok(std::fs::remove_file(path)?));
    ///         // Whatever goes wrong from here on, the file is removed.
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// App::new().with(Worker).boot().await?.close().await?;
    /// assert!(!std::env::temp_dir().join("worker.lock").exists());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn on_close<F, Fut>(&self, hook: F)
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let hook = AppHook::new(hook, Location::caller());
        self.site.home.owe(self.site.node, hook);
    }

    /// Adds a hook that runs once everything is ready: it joins those of
    /// [`App::on_ready`](crate::App::on_ready), behind all that were added before.
    ///
    /// It has the limit that this plugin has for `load`. If this `load` fails, or is tried again,
    /// it is dropped. When a part of the app is restarted, what its loads add runs once that part
    /// is ready. It looks states up as this plugin does, from its scope outwards.
    ///
    /// Once this `load` has ended, this does nothing: the hook is dropped, with a warning in the
    /// log.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin]
    /// struct Http;
    ///
    /// impl Hooks for Http {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    ///         cx.on_ready(async move |_| {
    ///             println!("listening on {}", listener.local_addr()?);
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # App::new().with(Http).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn on_ready<F, Fut>(&self, hook: F)
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let hook = AppHook::new(hook, Location::caller());
        self.site.home.queue_ready(self.site.node, hook, false);
    }

    /// Adds a hook that runs once the `ready` hooks of all plugins have run, before those of
    /// [`App::on_ready`](crate::App::on_ready): for what opens the app to the outside, such as a server that
    /// begins to accept connections. Hooks of [`App::on_ready`](crate::App::on_ready) may connect to it.
    ///
    /// Apart from that it is as one of [`on_ready`](Self::on_ready).
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use tokio_util::sync::CancellationToken;
    ///
    /// #[plugin]
    /// struct Consumer;
    ///
    /// impl Hooks for Consumer {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         let open = CancellationToken::new();
    ///         let opened = open.clone();
    ///         cx.on_all_ready(async move |_| {
    ///             open.cancel();
    ///             Ok(())
    ///         });
    ///         cx.spawn("consume", async move |cx| {
    ///             tokio::select! {
    ///                 () = opened.cancelled() => println!("every plugin is ready"),
    ///                 () = cx.stopped() => {}
    ///             }
    ///             Ok(())
    ///         });
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # App::new().with(Consumer).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn on_all_ready<F, Fut>(&self, hook: F)
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let hook = AppHook::new(hook, Location::caller());
        self.site.home.queue_ready(self.site.node, hook, true);
    }

    /// Reports how far this hook is: its limit begins anew, and messages about it end with these
    /// words. The limit of the boot as a whole stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin(load_timeout = "5s")]
    /// struct Index;
    ///
    /// impl Hooks for Index {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         for chunk in 1..=3 {
    ///             // Each chunk may take five seconds.
    ///             cx.progress(format!("chunk {chunk} of 3"));
    ///             tokio::task::yield_now().await;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # App::new().with(Index).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(&self, text: impl Into<Cow<'static, str>>) {
        self.site.progress(text.into());
    }

    /// Returns how long this hook may still take: the least of its own limit and of what is left of
    /// that of the boot, of its parent and of its scope. `None` if none of them is limited.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin(load_timeout = "5s")]
    /// struct Database;
    ///
    /// impl Hooks for Database {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         let patience = cx.remaining().unwrap_or(Duration::from_secs(30));
    ///         assert!(patience <= Duration::from_secs(5));
    ///         Ok(())
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # App::new().with(Database).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        self.site.remaining()
    }

    /// Reports an error that this hook does not return, as one of this plugin: it is logged and
    /// reaches [`App::on_error`](crate::App::on_error), and nothing stops because of it.
    pub fn report_error(&self, error: impl Into<anyhow::Error>) {
        self.site.report_error(error.into());
    }
}

impl fmt::Debug for LoadContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadContext")
            .field("plugin", &self.name())
            .finish_non_exhaustive()
    }
}

/// What a context hands out as the plugin's own states: typed for plugins that `#[plugin]`
/// declares, [`States`] for those that implement [`Plugin`] by hand.
#[doc(hidden)]
pub trait Contextual: sealed::Sealed + 'static {
    #[doc(hidden)]
    type Handles;

    #[doc(hidden)]
    fn handles_of(states: &States) -> Option<Self::Handles>;
}

pub(super) mod sealed {
    pub trait Sealed {}
    impl<P: super::Declare> Sealed for P {}
    impl Sealed for dyn super::Plugin {}
}

impl<P: Declare> Contextual for P {
    type Handles = P::Handles;

    fn handles_of(states: &States) -> Option<Self::Handles> {
        P::handles(states)
    }
}

impl Contextual for dyn Plugin {
    type Handles = States;

    fn handles_of(states: &States) -> Option<States> {
        Some(states.clone())
    }
}

/// The part that every context after `load` has.
macro_rules! context {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* }) => {
        $(#[$doc])*
        // Without a bound, which would be reported at each hook of a struct without `#[plugin]`.
        pub struct $name<P: ?Sized = dyn Plugin> {
            site: Site,
            states: States,
            plugin: PhantomData<fn(&P)>,
            $($field: $type,)*
        }

        impl $name {
            pub(crate) fn new(site: Site $(, $field: $type)*) -> Self {
                let states = site.home.states_of(site.node);
                Self { site, states, plugin: PhantomData $(, $field)* }
            }

            /// The same context for a plugin whose states are known by type.
            pub(crate) fn typed<P: Declare>(&self) -> $name<P> {
                $name {
                    site: self.site.clone(),
                    states: self.states.clone(),
                    plugin: PhantomData,
                    $($field: self.$field.clone(),)*
                }
            }
        }

        impl<P: Contextual + ?Sized> $name<P> {
            /// What this plugin is called in this app.
            pub fn name(&self) -> PluginName {
                self.site.name()
            }

            /// The states that this plugin's `load` returned: `()`, a [`State`](crate::State), or a tuple of
            /// them.
            pub fn states(&self) -> P::Handles {
                P::handles_of(&self.states).expect("`load` has made every state of its plugin")
            }

            /// A handle to the app, to keep or to ask for a shutdown with.
            ///
            /// Waiting for the app to close in here would wait for this very hook.
            pub fn handle(&self) -> Handle {
                self.site.handle()
            }

            /// Reports how far this hook is: its own limit begins anew, and messages about it end
            /// with these words. Limits of the app as a whole stay; see [`LoadContext::progress`].
            pub fn progress(&self, text: impl Into<Cow<'static, str>>) {
                self.site.progress(text.into());
            }

            /// Returns how long this hook may still take: the least of its own limit and of what is
            /// left of the total. `None` if neither is limited; see [`LoadContext::remaining`].
            pub fn remaining(&self) -> Option<Duration> {
                self.site.remaining()
            }

            /// Reports an error that this hook does not return, as one of this plugin: it is logged
            /// and reaches [`App::on_error`](crate::App::on_error), and nothing stops because of it.
            pub fn report_error(&self, error: impl Into<anyhow::Error>) {
                self.site.report_error(error.into());
            }
        }

        impl<P: Contextual + ?Sized> $name<P> {
            fn from(&self) -> LookupFrom<'_> {
                self.site.from()
            }
        }

        looks_up!(impl<P: Contextual + ?Sized> $name<P>);

        impl<P: Contextual + ?Sized> fmt::Debug for $name<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("plugin", &self.name())
                    .finish_non_exhaustive()
            }
        }
    };
}

context! {
    /// What [`Hooks::ready`](crate::Hooks::ready) may use.
    ReadyContext {}
}

context! {
    /// What [`Hooks::run`](crate::Hooks::run) may use.
    RunContext { stop: CancellationToken }
}

context! {
    /// What [`Hooks::drain`](crate::Hooks::drain) may use.
    DrainContext { reason: ShutdownReason }
}

context! {
    /// What [`Hooks::close`](crate::Hooks::close) may use.
    CloseContext { reason: ShutdownReason }
}

impl<P: Contextual + ?Sized> RunContext<P> {
    /// Waits until this task has to end: everything that depends on the plugin has stopped.
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again, as in a `select!`. Where a future without borrows is expected, as by
    /// a server's graceful shutdown, use `cx.stop_token().cancelled_owned()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin]
    /// struct Ticker;
    ///
    /// impl Hooks for Ticker {
    ///     async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
    ///         let mut seconds = tokio::time::interval(std::time::Duration::from_secs(1));
    ///         loop {
    ///             tokio::select! {
    ///                 _ = seconds.tick() => println!("tick"),
    ///                 () = cx.stopped() => return Ok(()),
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Whether this task has to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The token behind [`RunContext::stopped`], to hand on to what the task spawns.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl<P: Contextual + ?Sized> DrainContext<P> {
    /// Why the app stops.
    pub fn reason(&self) -> &ShutdownReason {
        &self.reason
    }
}

impl<P: Contextual + ?Sized> CloseContext<P> {
    /// Why the app stops.
    pub fn reason(&self) -> &ShutdownReason {
        &self.reason
    }
}
