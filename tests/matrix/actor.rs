//! Plugins that do what their script says, and note it.

use std::pin::Pin;

use bootstrap::extend::{Descriptor, Fields, Plugin, PluginFn, Provides, States};
use bootstrap::prelude::*;
use bootstrap::{App, Handle, Registration, plugin_fn};
use tokio::time::sleep;

use crate::case::{Case, Fault, Kind, Script, Step, millis, name};
use crate::ledger::{Hook, Ledger, Mark, Token};

/// What all kinds of plugins have.
struct Actor {
    node: usize,
    script: Script,
    ledger: Ledger,
    _alive: Token,
}

/// The state of a full plugin.
struct Made(#[expect(dead_code, reason = "it is counted")] Token);

pub async fn perform(step: Step, handle: &Handle) -> Result<()> {
    wait(step.wait).await;
    match step.fault {
        Fault::None => {}
        Fault::Error => anyhow::bail!("fault"),
        // Says nothing on the terminal.
        Fault::Panic => std::panic::resume_unwind(Box::new("fault")),
        Fault::Hang => std::future::pending().await,
        Fault::Shutdown(more) => {
            handle.shutdown();
            wait(more).await;
        }
    }
    Ok(())
}

/// A hook that waits for nothing returns at its first poll.
pub async fn wait(time: u64) {
    if time > 0 {
        sleep(millis(time)).await;
    }
}

impl Actor {
    async fn act(&self, hook: Hook, step: Step, handle: &Handle) -> Result<()> {
        let span = self.ledger.span(self.node, hook);
        perform(step, handle).await?;
        span.done();
        Ok(())
    }

    async fn load(&self, cx: &LoadContext) -> Result<()> {
        let span = self.ledger.span(self.node, Hook::Load);
        let Script { early, late, .. } = &self.script;
        for (place, step) in early.iter().enumerate() {
            self.leave(cx, place, *step);
        }
        if self.script.spawns {
            self.spawn(cx);
        }
        perform(self.script.load, &cx.handle()).await?;
        for (place, step) in (early.len()..).zip(late) {
            self.leave(cx, place, *step);
        }
        span.done();
        Ok(())
    }

    fn leave(&self, cx: &LoadContext, place: usize, step: Step) {
        let (node, hook, ledger) = (self.node, Hook::CleanUp(place), self.ledger.clone());
        let alive = ledger.closure();
        ledger.add(node, hook, Mark::Left);
        cx.on_close(async move |cx| {
            let span = ledger.span(node, hook);
            perform(step, &cx.handle()).await?;
            span.done();
            drop(alive);
            Ok(())
        });
    }

    fn spawn(&self, cx: &LoadContext) {
        let (node, ledger, linger) = (self.node, self.ledger.clone(), self.script.linger);
        let alive = ledger.closure();
        cx.spawn("task", async move |cx| {
            let span = ledger.span(node, Hook::Task);
            cx.stopped().await;
            span.note(Mark::Told);
            wait(linger).await;
            span.done();
            drop(alive);
            Ok(())
        });
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        if let Some(step) = self.script.run {
            return self.act(Hook::Run, step, &cx.handle()).await;
        }
        let span = self.ledger.span(self.node, Hook::Run);
        cx.stopped().await;
        span.note(Mark::Told);
        wait(self.script.linger).await;
        span.done();
        Ok(())
    }
}

struct Full {
    actor: Actor,
    needs: Vec<State<Made>>,
}

impl Full {
    /// Whatever a plugin needs is there in each of its hooks.
    fn look(&self) {
        assert!(self.needs.iter().all(|need| State::get(need).is_some()));
    }

    async fn act(&self, hook: Hook, step: Step, handle: &Handle) -> Result<()> {
        self.look();
        let acted = self.actor.act(hook, step, handle).await;
        self.look();
        acted
    }
}

impl Provides<Made> for Full {}

#[bootstrap::extend::async_trait]
impl Plugin for Full {
    fn descriptor(&self) -> Descriptor {
        let script = &self.actor.script;
        let mut descriptor = Descriptor::new(name(self.actor.node)).provides::<Made>();
        if let Some(limit) = script.limit {
            descriptor = descriptor.load_timeout(millis(limit));
        }
        if let Some(limit) = script.close_limit {
            descriptor = descriptor.close_timeout(millis(limit));
        }
        descriptor
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        for need in &mut self.needs {
            fields.field("need", need);
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        self.look();
        self.actor.load(cx).await?;
        self.look();
        Ok(States::new().with(Made(self.actor.ledger.state())))
    }

    async fn ready(&self, cx: &ReadyContext) -> Result<()> {
        self.act(Hook::Ready, self.actor.script.ready, &cx.handle())
            .await
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        self.look();
        self.actor.run(cx).await
    }

    async fn drain(&self, cx: &DrainContext) -> Result<()> {
        self.act(Hook::Drain, self.actor.script.drain, &cx.handle())
            .await
    }

    async fn close(&self, cx: &CloseContext) -> Result<()> {
        self.act(Hook::Close, self.actor.script.close, &cx.handle())
            .await
    }
}

/// Has only the hooks that are written here.
#[plugin(collect = never)]
struct Thin {
    #[option(required)]
    actor: Actor,
}

impl Hooks for Thin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
        self.actor.load(cx).await
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        let step = self.actor.script.close;
        self.actor.act(Hook::Close, step, &cx.handle()).await
    }
}

type Load = Box<dyn FnOnce(LoadContext) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send>;

fn bare(actor: Actor) -> Load {
    Box::new(|cx| Box::pin(async move { actor.load(&cx).await }))
}

enum Registered {
    Full(Registration<Full>),
    Thin(Registration<Thin>),
    Bare(Registration<PluginFn<Load>>),
}

impl Registered {
    fn after(&self, earlier: &Self) {
        match self {
            Self::Full(registration) => after(registration, earlier),
            Self::Thin(registration) => after(registration, earlier),
            Self::Bare(registration) => after(registration, earlier),
        }
    }
}

fn after<P: ?Sized>(later: &Registration<P>, earlier: &Registered) {
    match earlier {
        Registered::Full(earlier) => later.clone().after(earlier),
        Registered::Thin(earlier) => later.clone().after(earlier),
        Registered::Bare(earlier) => later.clone().after(earlier),
    };
}

/// Registers every plugin of a case, each after those that it needs.
pub fn register(app: &mut App, case: &Case, ledger: &Ledger) {
    let mut all: Vec<Registered> = Vec::new();
    for (node, script) in case.scripts.iter().enumerate() {
        let actor = Actor {
            node,
            script: script.clone(),
            ledger: ledger.clone(),
            _alive: ledger.plugin(),
        };
        let needs = &case.needs[node];
        let is_full = script.kind == Kind::Full;
        let by_state = |need: &usize| is_full && is_by_state(node, *need, &all[*need]);
        let (fields, others): (Vec<usize>, Vec<usize>) = needs.iter().partition(|it| by_state(it));
        let registered = match script.kind {
            Kind::Full => Registered::Full(app.register(Full {
                actor,
                needs: states(&fields, &all),
            })),
            Kind::Thin => Registered::Thin(app.register(Thin { actor }).named(name(node))),
            Kind::Bare => Registered::Bare(app.register(plugin_fn(name(node), bare(actor)))),
        };
        for need in others {
            registered.after(&all[need]);
        }
        all.push(registered);
    }
}

/// Every other edge is a state, where both ends can have one.
fn is_by_state(node: usize, need: usize, earlier: &Registered) -> bool {
    (node + need) % 2 == 1 && matches!(earlier, Registered::Full(_))
}

fn states(needs: &[usize], all: &[Registered]) -> Vec<State<Made>> {
    let state = |need: &usize| match &all[*need] {
        Registered::Full(earlier) => Some(earlier.handle()),
        _ => None,
    };
    needs.iter().filter_map(state).collect()
}
