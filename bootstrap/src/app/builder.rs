//! `App`: what will be booted.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::app::exit::Exit;
use crate::app::guard;
use crate::app::lifecycle::{EndOfLife, Lifecycle};
use crate::app::logged;
use crate::app::outside::{plan, plan_to_boot};
use crate::app::running::Running;
use crate::app::scope::Scope;
use crate::app::selection::{Selected, Selection};
use crate::app::signals;
use crate::app::start::{Interrupt, has_timers, let_go_of_skipped};
use crate::base::apart::Doing;
use crate::base::diagnostic::Code;
use crate::base::log::log;
use crate::boot::BootError;
use crate::collect::{Mode, Registration, Registry, SharedRegistry, with_registry};
use crate::declare::{Home, IntoPlugin};
use crate::life::{End, Handle, Life, RestartRequest, Status};
use crate::live::{AppHooks, Listeners, Nodes, Settings};
use crate::plan::{Plan, PlanErrors};
use crate::report::Report;

/// An application that has not been booted: plugins, limits and hooks.
///
/// There are three ways to make one. [`App::collect`] holds every plugin that is linked into the
/// binary; [`App::new`] is empty, and holds what is registered; [`App::only`] holds a part, and exactly
/// what that needs. Then [`App::boot`] it, which returns a running app, or [`App::run`] it for the
/// whole life of a service.
///
/// Both take the app, so that booting twice, or registering after the boot, does not compile.
///
/// # Examples
///
/// A service:
///
/// ```no_run
/// # use bootstrap::prelude::*;
/// #[tokio::main]
/// async fn main() -> bootstrap::Exit {
///     App::collect().run().await
/// }
/// ```
///
/// A test, or a program with a life of its own:
///
/// ```
/// # use bootstrap::prelude::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let hello = bootstrap::plugin_fn("hello", async |cx| {
///     println!("{} loads", cx.name());
///     Ok(())
/// });
/// let app = App::new().with(hello);
/// let running = app.boot().await?;
/// running.close().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an app does nothing until it is booted: call `boot` or `run`"]
pub struct App {
    pub(crate) registry: SharedRegistry,
    pub(crate) settings: Settings,
    pub(super) hooks: AppHooks,
    pub(super) on_error: Listeners,
    life: Unbooted,
}

/// Ends the life of an app that is dropped without having booted, so that no waiter hangs.
struct Unbooted(Arc<Life>);

impl Drop for Unbooted {
    fn drop(&mut self) {
        self.0.end_unbooted();
    }
}

impl App {
    pub(crate) fn in_mode(mode: Mode) -> Self {
        Self {
            registry: Arc::new(Mutex::new(Registry::new(mode))),
            settings: Settings::default(),
            hooks: AppHooks::default(),
            on_error: Listeners::default(),
            life: Unbooted(Arc::new(Life::new())),
        }
    }

    /// An empty app: it will hold what is registered, and nothing else.
    pub fn new() -> Self {
        Self::in_mode(Mode::New)
    }

    /// An app that holds every plugin that is linked into this binary and can be made by default.
    ///
    /// A plugin that is registered takes the place of the collected one of its type; a state that is
    /// supplied, or a replacement, that of the plugin which provides it. Crates that nothing in the
    /// code refers to are not linked, whatever `Cargo.toml` says: name them with
    /// [`link!`](crate::link), and name plugins that must be there with [`App::expect`].
    pub fn collect() -> Self {
        Self::in_mode(Mode::Collect)
    }

    /// An app that holds a part of what is linked: a plugin, or the plugins with the given names, and
    /// everything that they require.
    ///
    /// For a [`Port`](crate::Port) those are all linked plugins that provide it, unless one that does
    /// is registered or supplied. What a plugin can do without is not required: the states of optional
    /// fields, and what [`Ports`](crate::Ports) lists. A name that no linked plugin has is an error of
    /// the plan.
    ///
    /// # Examples
    ///
    /// ```standalone_crate
    /// use bootstrap::prelude::*;
    ///
    /// pub struct Pool;
    ///
    /// #[plugin(states = [Pool])]
    /// struct Database;
    /// # impl Hooks for Database {
    /// #     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> { Ok(Pool) }
    /// # }
    ///
    /// #[plugin]
    /// struct Api {
    ///     pool: State<Pool>,
    /// }
    /// # impl Hooks for Api {
    /// #     async fn load(&mut self, _: &mut LoadContext) -> Result<()> { let Pool = *self.pool; Ok(()) }
    /// # }
    ///
    /// #[plugin]
    /// struct Mailer;
    /// # impl Hooks for Mailer {}
    ///
    /// for app in [App::only(Api::default()), App::only(["api"])] {
    ///     let plan = app.plan()?;
    ///     let names: Vec<String> = plan.order().map(|it| it.name().to_string()).collect();
    ///     assert_eq!(names, ["database", "api"]);
    /// }
    /// # Ok::<(), bootstrap::error::PlanErrors>(())
    /// ```
    #[track_caller]
    pub fn only(of: impl Selection) -> Self {
        let app = Self::in_mode(Mode::Only);
        match of.into_selected() {
            Selected::Plugin(plugin) => {
                Scope::root(&app.registry).add(plugin, false);
                app
            }
            Selected::Names(names) => {
                let app = app.expect(names.iter().copied());
                with_registry(&app.registry, |registry| registry.root(names));
                app
            }
        }
    }

    /// Registers a plugin, for chaining; see [`App::register`].
    #[track_caller]
    pub fn with<P: IntoPlugin>(mut self, plugin: P) -> Self {
        self.register(plugin);
        self
    }

    /// Registers a plugin, and returns its registration, from which handles to its states can be
    /// had before boot.
    ///
    /// Registering a plugin of one type several times makes several instances of it, each with
    /// states of its own. Besides plugins this takes closures, [`plugin_fn`](crate::plugin_fn), and
    /// plugins that are made from states of others, [`plugin_with`](crate::plugin_with).
    ///
    /// # Panics
    ///
    /// If a hand-written [`Plugin::descriptor`](crate::extend::Plugin::descriptor) or
    /// [`Plugin::fields`](crate::extend::Plugin::fields) does, which are called here.
    #[track_caller]
    pub fn register<P: IntoPlugin>(&mut self, plugin: P) -> Registration<P::Plugin> {
        self.root().register(plugin)
    }

    /// The app itself, as the outermost scope.
    pub(super) fn root(&mut self) -> Scope<'_> {
        Scope::root(&self.registry)
    }

    /// The order in which the plugins will load. Runs no hook and changes nothing; reads the
    /// configuration, and asks the predicates that disable plugins.
    ///
    /// Blocks the thread as long as they do: a file on a network that does not answer, a source of the
    /// configuration, a predicate. [`App::boot`] plans on a thread of its own.
    ///
    /// # Errors
    ///
    /// Every mistake in the app that the compiler could not find, all at once.
    pub fn plan(&self) -> Result<Plan, PlanErrors> {
        plan(&self.registry, &Doing::default())
    }

    /// A handle to the app, for code that does not own it.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.life.0))
    }

    /// Boots the app: every plugin loads as soon as what it needs is there.
    ///
    /// What it returns has to be closed: dropped at the end of `main`, nothing closes any more.
    ///
    /// Installs no signal handler and never ends the process; [`App::run`] does. A load that
    /// blocks its thread for ever is left behind when its time is up, and a tokio runtime then
    /// waits for it when it is dropped: end such a runtime with
    /// [`Runtime::shutdown_timeout`](tokio::runtime::Runtime::shutdown_timeout).
    ///
    /// An error is also logged: an event with the level `ERROR`, the target `bootstrap`, the field
    /// `code` and the diagnosis as its message, and then what each plugin did, as a tree.
    ///
    /// # Errors
    ///
    /// If there is no tokio runtime with timers; if the app can't be planned; if a hook fails, panics or takes too long; if the app is asked
    /// to stop meanwhile, or was before. Whatever had loaded has been closed then.
    ///
    /// # Cancel safety
    ///
    /// Nothing happens before this future is first polled. When it is dropped later, the boot is
    /// interrupted, and what has loaded is closed in the background, as long as the runtime
    /// lives; [`Handle::closed`] waits for that.
    pub async fn boot(self) -> Result<Running, BootError> {
        let booted = self.boot_unlogged().await;
        if let Err(error) = &booted {
            logged::boot_error(error);
        }
        booted
    }

    async fn boot_unlogged(self) -> Result<Running, BootError> {
        let Ok(runtime) = runtime::Handle::try_current() else {
            return Err(BootError::no_runtime());
        };
        let life = Arc::clone(&self.life.0);
        if !has_timers() {
            return Err(BootError::no_timers());
        }
        let restarts = life.begin_boot();
        let end = EndOfLife::new(Arc::clone(&life));
        let Some(restarts) = restarts.filter(|_| !life.is_stopping()) else {
            end.now(Status::Closed, End::default());
            return Err(BootError::unbooted(life.reason()));
        };
        let interrupt = Interrupt::new(&life);
        let boot_timeout = self.settings.boot_timeout;
        let began = Instant::now();
        let planned = plan_to_boot(Arc::clone(&self.registry), &life, boot_timeout).await;
        let plan = match planned.and_then(|plan| plan.map_err(BootError::plan)) {
            Ok(plan) => plan,
            Err(error) => {
                interrupt.disarm();
                end.now(Status::Failed, End::default());
                return Err(error);
            }
        };
        let lifecycle = self.into_lifecycle(plan, restarts, end, began);
        let nodes = Arc::clone(&lifecycle.nodes);
        let (booted, answer) = oneshot::channel();
        runtime.spawn(lifecycle.live(booted));
        let answer = answer.await;
        interrupt.disarm();
        match answer {
            Ok(Ok(())) => Ok(Running::new(nodes)),
            Ok(Err(error)) => Err(error),
            // The runtime is being shut down: only its end can have dropped the task.
            Err(_) => Err(BootError::runtime_shut_down(life.ended().await)),
        }
    }

    fn into_lifecycle(
        self,
        plan: Plan,
        restarts: UnboundedReceiver<RestartRequest>,
        mut end: EndOfLife,
        began: Instant,
    ) -> Lifecycle {
        for warning in plan.warnings() {
            log(|| tracing::warn!(target: "bootstrap", "{warning}"));
        }
        for off in plan.disabled() {
            log(|| tracing::info!(target: "bootstrap", "disabled: {off}"));
        }
        let count = plan.count();
        log(|| tracing::info!(target: "bootstrap", "booting {count}: {plan:?}"));
        let Self {
            registry,
            settings,
            mut hooks,
            mut on_error,
            life,
        } = self;
        hooks.on_close.reverse();
        on_error.set_limit(settings.close_timeout);
        let_go_of_skipped(&registry, &plan);
        let shared = Arc::clone(&registry);
        let nodes = with_registry(&registry, |registry| {
            let node_of_entry = plan.node_of_entry.clone();
            let of_nodes = Arc::clone(&life.0);
            let mut nodes = Nodes::new(plan, registry, Arc::clone(&shared), of_nodes, on_error);
            nodes.attend(&settings);
            let nodes = nodes.share();
            #[cfg(feature = "testing")]
            nodes.rig_up();
            let weak = Arc::downgrade(&nodes);
            let home: std::sync::Weak<dyn Home> = weak.clone();
            registry.booted(home, node_of_entry);
            life.0.set_reporter(Arc::new(move || {
                weak.upgrade()
                    .map_or_else(Report::default, |nodes| nodes.report())
            }));
            let weak = Arc::downgrade(&nodes);
            life.0
                .set_error_reporter(Arc::new(move |source, at, error| {
                    if let Some(nodes) = weak.upgrade() {
                        nodes.report_from(source, at, error);
                    }
                }));
            nodes
        });
        end.holds(&nodes);
        Lifecycle {
            nodes,
            settings,
            hooks,
            restarts,
            end,
            began,
        }
    }

    /// Runs the app for its whole life: handles SIGTERM and SIGINT, boots, waits until it has to
    /// stop, drains, closes, and says how that went.
    ///
    /// The handlers are there before the first hook runs, so that a signal in the middle of a boot
    /// rolls it back. The first signal closes the app, the second one ends the process at once,
    /// and so does one after this has returned. (A second one within 250 ms of the first counts as
    /// the same: many programs that start others send theirs twice.) The handlers stay for the rest of the
    /// process, in which several apps may run, one after the other or together. SIGHUP is left
    /// alone. A signal that was ignored when the process began stays ignored: a shell without job
    /// control does that to SIGINT for what it starts with `&`. (Linux shows which these are; on other
    /// systems the handlers are installed all the same.)
    ///
    /// What every plugin did is logged with the level `INFO` and the target `bootstrap`, as trees:
    /// have a subscriber of `tracing` to see them. What the [`Exit`] prints is logged as well, with the
    /// level `ERROR` and the field `code`, because the log may go elsewhere than the standard error;
    /// and the `Exit` prints it all the same, because there may be no log. A forced stop is logged to
    /// the global subscriber.
    ///
    /// # The end of the process
    ///
    /// Nothing that was abandoned can keep the process from ending. If a hook had to be left behind
    /// because it blocks its thread, this prints what went wrong and ends the process by itself,
    /// because the runtime would wait for that thread. Otherwise it returns, and code after it runs.
    ///
    /// Threads that the app does not know of may hold up the end as well: work in
    /// [`spawn_blocking`](tokio::task::spawn_blocking) whose hook was cut short, a read of
    /// `tokio::io::stdin`, a `Drop` that blocks. A guard, which lives as long as the process, gives
    /// five seconds each to
    ///
    /// - a close that has passed [`App::shutdown_timeout`],
    /// - the rest of this function after the close,
    /// - the shutdown of the tokio runtime on which this was called, whenever it begins.
    ///
    /// Then it prints the diagnosis of the [`Exit`], if the program still holds that, and `STOP004`,
    /// and ends the process with the code of the `Exit`, or with 75 if that is 0.
    ///
    /// The guard does not limit what the program itself does after this has returned: neither while
    /// the runtime lives, nor after it has shut down, nor after
    /// [`Runtime::shutdown_background`](tokio::runtime::Runtime::shutdown_background) or while
    /// another app is in `run`. It finds out from `/proc` whether the main thread waits for threads
    /// of the runtime, by their name: give another runtime that outlives this one a name of its own
    /// ([`Builder::thread_name`](tokio::runtime::Builder::thread_name)), and also a `std::thread` that a hook starts, because a thread without
    /// a name has that of the thread that started it. Where there is no `/proc`, it counts a program that still holds the `Exit` five
    /// seconds after the runtime began to shut down as held up: drop it before a long epilogue there.
    ///
    /// # Cancel safety
    ///
    /// As with [`App::boot`]; after the boot, dropping this future closes the app in the
    /// background.
    pub async fn run(self) -> Exit {
        let life = Arc::clone(&self.life.0);
        let in_run = match signals::install(life, self.settings.shutdown_timeout).await {
            Ok(in_run) => in_run,
            Err(error) => {
                let exit = Exit::no_signals(&error);
                logged::failure(Code::SignalsNotHandled, error.diagnostic());
                return exit;
            }
        };
        let exit = match self.boot().await {
            Ok(running) => {
                log(|| tracing::info!(target: "bootstrap", "{}", running.report()));
                let reason = running.wait().await;
                log(|| tracing::info!(target: "bootstrap", "closing: {reason}"));
                let closed = running.close().await;
                if let Err(error) = &closed {
                    logged::failure(error.code(), error);
                }
                Exit::closed(closed)
            }
            Err(error) => Exit::unbooted(&error),
        };
        if exit.report().has_closed() {
            log(|| tracing::info!(target: "bootstrap", "{}", exit.report().close_tree()));
        }
        if exit.is_abandoned() {
            guard::end_process(exit.code(), exit.diagnosis().unwrap_or_default());
        }
        in_run.returns(exit.returned());
        exit
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("plan", &self.plan())
            .finish_non_exhaustive()
    }
}
