//! What the kit adds to an app.

use std::sync::Arc;

use crate::app::App;
use crate::collect::{Mode, with_registry};
use crate::declare::Plugin;
use crate::testing::fault::Fault;
use crate::testing::inject::Injector;
use crate::testing::record::{Record, Recorder};

/// An app of one plugin alone: nothing that it needs is pulled in.
///
/// [`App::supply`] its states, or register replacements; what is missing is an error of the plan.
/// [`App::only`] is the plugin with all that it needs.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::testing;
///
/// struct Clock(u32);
///
/// #[plugin(states = [Clock])]
/// struct SystemClock;
/// # impl Hooks for SystemClock {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> { unreachable!() }
/// # }
///
/// #[plugin]
/// struct Greeter {
///     clock: State<Clock>,
/// }
/// # impl Hooks for Greeter {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
/// #         assert_eq!(self.clock.0, 20);
/// #         Ok(())
/// #     }
/// # }
///
/// testing::paused(async {
///     let error = testing::alone(Greeter::default()).plan().unwrap_err();
///     assert!(error.to_string().contains("Clock"));
///
///     let app = testing::alone(Greeter::default()).supply(Clock(20));
///     app.boot().await?.close().await?;
///     anyhow::Ok(())
/// })?;
/// # anyhow::Ok(())
/// ```
#[track_caller]
pub fn alone<P: Plugin>(plugin: P) -> App {
    App::new().with(plugin)
}

/// A part of what [`App::collect`] would find: the plugins that are called so, and all that they need.
///
/// What is registered, supplied, or stands in for one of them takes its place, as in a collected app.
/// A name that no plugin has which is linked into this binary is an error of the plan. A plugin that
/// can be named in the code is as well had with [`App::only`].
///
/// # Examples
///
/// ```standalone_crate
/// use bootstrap::prelude::*;
/// use bootstrap::testing;
///
/// pub struct Pool;
///
/// #[plugin(name = "database", states = [Pool])]
/// struct Database;
/// # impl Hooks for Database {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> { Ok(Pool) }
/// # }
///
/// #[plugin(name = "api")]
/// struct Api {
///     pool: State<Pool>,
/// }
/// # impl Hooks for Api {
/// #     async fn load(&mut self, _: &mut LoadContext) -> Result<()> { let Pool = *self.pool; Ok(()) }
/// # }
///
/// #[plugin(name = "mailer")]
/// struct Mailer;
/// # impl Hooks for Mailer {}
///
/// let plan = testing::part(["api"]).plan()?;
/// let names: Vec<String> = plan.order().map(|plugin| plugin.name().to_string()).collect();
/// assert_eq!(names, ["database", "api"]);
/// # Ok::<(), bootstrap::PlanErrors>(())
/// ```
pub fn part(names: impl IntoIterator<Item = &'static str>) -> App {
    let names: Vec<_> = names.into_iter().collect();
    let app = App::in_mode(Mode::Only).expect(names.iter().copied());
    with_registry(&app.registry, |registry| registry.root(names));
    app
}

/// With the feature `testing`.
impl App {
    /// Records what happens, from the boot to the end of the close.
    pub fn record(&mut self) -> Record {
        let recorder = Arc::new(Recorder::default());
        let record = Record::new(Arc::clone(&recorder));
        self.settings.observers.add(recorder);
        record
    }

    /// Makes something go wrong. Several faults may be in one app; of several in one hook, the first
    /// one that is not used up happens.
    ///
    /// A fault that could never happen fails the boot once everything has loaded: there is no such
    /// plugin, the plugin has no such hook, [`App::without_tasks`] leaves the hook out, or an earlier fault in
    /// the same hook happens every time. The error shows where the fault was made. A fault whose hook is
    /// not called in this test does not happen, and nothing reports that: assert what it was to cause.
    pub fn fault(mut self, fault: Fault) -> Self {
        Injector::add(&mut self.settings.rig, fault);
        self
    }

    /// Does in an order that follows from the seed what may be done in any: starts hooks that are
    /// free to begin, and goes on with those that wait no more. The same seed is the same order, on
    /// a current-thread runtime. With [`App::max_concurrency`] there is only one.
    pub fn seed(mut self, seed: u64) -> Self {
        Injector::prepare(&mut self.settings.rig);
        self.settings.rig.seed = Some(seed);
        self
    }

    /// Starts no background work: neither `run` hooks, nor what plugins spawn with
    /// [`cx.spawn`](crate::LoadContext::spawn). Whoever waits for what such work would do, waits
    /// for ever.
    pub fn without_tasks(mut self) -> Self {
        self.settings.rig.without_tasks = true;
        self
    }
}
