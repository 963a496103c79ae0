//! What is put around a plugin in a test: faults, another order, and the mark of whose code runs.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use crate::base::lock::lock;
use crate::base::phase::Phase;
use crate::base::random::Random;
use crate::collect::Member;
use crate::declare::{
    CloseContext, Descriptor, DrainContext, Fields, Identity, LoadContext, Outside, Plugin,
    ReadyContext, RunContext, States,
};
use crate::live::{Rig, Stage, Unmet, Wrap};
use crate::testing::fault::Fault;
use crate::testing::watch::{Spot, Watch};

/// Puts what it is told to around plugins.
#[derive(Default)]
pub(super) struct Injector(Mutex<Orders>);

#[derive(Default)]
struct Orders {
    faults: Vec<Fault>,
    watch: Option<Arc<Watch>>,
}

impl Injector {
    /// That of an app, which gets one if it has none.
    fn with<T>(rig: &mut Rig, change: impl FnOnce(&mut Orders) -> T) -> Option<T> {
        let wrap = rig.wrap.get_or_insert_with(|| Arc::new(Self::default()));
        let any: &dyn Any = &**wrap;
        let injector = any.downcast_ref::<Self>()?;
        Some(change(&mut lock(&injector.0)))
    }

    /// Sees to it that an app has one.
    pub(super) fn prepare(rig: &mut Rig) {
        Self::with(rig, |_| ());
    }

    pub(super) fn add(rig: &mut Rig, fault: Fault) {
        Self::with(rig, |orders| orders.faults.push(fault));
    }

    /// Explores an app: what happens in it is watched, and the fault of the case comes before those
    /// that the app has by itself.
    pub(super) fn explore(rig: &mut Rig, watch: Arc<Watch>, fault: Option<Fault>) {
        Self::with(rig, |orders| {
            orders.watch = Some(watch);
            orders.faults.splice(..0, fault);
        });
    }
}

impl Wrap for Injector {
    fn attach(&self, stage: Weak<dyn Stage>) {
        let watch = lock(&self.0).watch.clone();
        if let Some(watch) = watch {
            watch.attach(stage);
        }
    }

    fn wrap(
        &self,
        member: &Member,
        node: u32,
        seed: Option<u64>,
        plugin: Arc<dyn Plugin>,
    ) -> Arc<dyn Plugin> {
        if plugin.identity().id == Identity::of::<Rigged>().id {
            return plugin;
        }
        let orders = lock(&self.0);
        let faults = orders.faults.iter().filter(|fault| fault.is_at(member));
        let faults: Vec<Fault> = faults.cloned().collect();
        let watch = orders.watch.clone();
        drop(orders);
        if faults.is_empty() && watch.is_none() && seed.is_none() {
            return plugin;
        }
        let name = member.name.to_string();
        let random = seed.map(|seed| Random::of(seed, &name));
        let around = Around {
            node,
            faults,
            watch,
            random: random.map(Mutex::new),
        };
        Arc::new(Rigged {
            inner: plugin,
            around,
        })
    }

    fn check(&self, stage: &dyn Stage) -> Result<(), Unmet> {
        let orders = lock(&self.0);
        let (faults, explores) = (orders.faults.clone(), orders.watch.is_some());
        drop(orders);
        check(&faults, explores, stage)
    }
}

/// Whether each fault can happen. While an app is explored its own faults may be hidden by the one of
/// the case.
fn check(faults: &[Fault], explores: bool, stage: &dyn Stage) -> Result<(), Unmet> {
    for (place, fault) in faults.iter().enumerate() {
        let unmet = |error| Unmet {
            at: fault.location(),
            error,
        };
        let is_at = |node: &u32| fault.is_at(stage.member(*node));
        let at: Vec<u32> = stage.all().filter(is_at).collect();
        if at.is_empty() {
            let names = stage.all().map(|node| stage.member(node).name.to_string());
            return Err(unmet(fault.unmet(&names.collect::<Vec<_>>())));
        }
        let earlier = if explores { &[] } else { &faults[..place] };
        let misfit = |node: &u32| {
            let member = stage.member(*node);
            let hides = |other: &Fault| {
                other.phase() == fault.phase() && other.is_endless() && other.is_at(member)
            };
            if stage.has_no_tasks() && fault.phase() == Phase::Run {
                return Some(Fault::without_tasks(&member.name));
            }
            let misfit = fault.misfit(member.descriptor.hook_set(), &member.name);
            let hidden = || {
                earlier
                    .iter()
                    .any(hides)
                    .then(|| fault.hidden(&member.name))
            };
            misfit.or_else(hidden)
        };
        let mut misfits: Vec<_> = at.iter().filter_map(misfit).collect();
        // Of several instances of a type one is enough.
        if misfits.len() == at.len() {
            return Err(unmet(misfits.swap_remove(0)));
        }
    }
    Ok(())
}

/// Why the plugin can't be changed: it is never shared while it is wrapped.
const HELD: &str = "something else holds the plugin";

/// A plugin with something around it.
struct Rigged {
    inner: Arc<dyn Plugin>,
    around: Around,
}

struct Around {
    node: u32,
    faults: Vec<Fault>,
    watch: Option<Arc<Watch>>,
    random: Option<Mutex<Random>>,
}

impl Around {
    async fn hook<T>(&self, phase: Phase, hook: impl Future<Output = Result<T>>) -> Result<T> {
        self.wait_a_little().await;
        let hook = self.marked(phase, hook);
        let mut faults = self.faults.iter().filter(|fault| fault.phase() == phase);
        match faults.find(|fault| fault.strikes()) {
            Some(fault) => fault.around(hook).await,
            None => hook.await,
        }
    }

    /// Goes to the end of the queue, a few times, so that hooks that never wait are not done in the
    /// order in which they began.
    async fn wait_a_little(&self) {
        let times = self.random.as_ref().map_or(0, |it| lock(it).below(4));
        for _ in 0..times {
            let mut waited = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut waited, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// Says whose code runs, whenever it does.
    async fn marked<T>(&self, phase: Phase, hook: impl Future<Output = T>) -> T {
        let mut hook = pin!(hook);
        poll_fn(|cx| {
            let _spot = Spot::enter(self.node);
            let polled = hook.as_mut().poll(cx);
            if let (Some(watch), true) = (&self.watch, polled.is_pending()) {
                watch.waits(self.node, phase);
            }
            polled
        })
        .await
    }
}

/// Hands on everything but its identity, by which one that is wrapped already is known.
#[async_trait]
impl Plugin for Rigged {
    fn descriptor(&self) -> Descriptor {
        self.inner.descriptor()
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.fields(fields);
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        let inner = Arc::get_mut(&mut self.inner).context(HELD)?;
        self.around.hook(Phase::Load, inner.load(cx)).await
    }

    async fn ready(&self, cx: &ReadyContext) -> Result<()> {
        self.around.hook(Phase::Ready, self.inner.ready(cx)).await
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        self.around.hook(Phase::Run, self.inner.run(cx)).await
    }

    async fn drain(&self, cx: &DrainContext) -> Result<()> {
        self.around.hook(Phase::Drain, self.inner.drain(cx)).await
    }

    async fn close(&self, cx: &CloseContext) -> Result<()> {
        self.around.hook(Phase::Close, self.inner.close(cx)).await
    }

    fn own_ports(self: Arc<Self>, states: States) -> States {
        Arc::clone(&self.inner).own_ports(states)
    }

    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        let inner = Arc::get_mut(&mut self.inner).context(HELD)?;
        inner.configure(outside, prefix)
    }

    fn reset(&mut self) {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.reset();
        }
    }

    fn is_once(&self) -> bool {
        self.inner.is_once()
    }
}
