//! Plugins that bring others with them, as their case says.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bootstrap::extend::{Descriptor, Fields, Plugin, Provides, States};
use bootstrap::prelude::*;
use bootstrap::{Child, Retry};

use crate::actor::perform;
use crate::case::{Step, millis};
use crate::ledger::{Hook, Mark, Token};
use crate::nested::book::Book;
use crate::nested::case::{Case, Need, Node, Then, Way, name};

/// What nodes make.
pub struct Made(#[expect(dead_code, reason = "it is counted")] Token);

/// What all of an app share.
#[derive(Clone)]
pub struct Stage {
    pub case: Arc<Case>,
    pub book: Book,
    /// The states of what is registered with the app, by node.
    pub ground: Arc<OnceLock<Vec<Option<State<Made>>>>>,
}

/// What a parent has registered.
struct Sibling {
    node: usize,
    state: State<Made>,
    /// Until it is awaited.
    child: Option<Child<Actor>>,
}

pub struct Actor {
    stage: Stage,
    node: usize,
    parent: Option<usize>,
    needs: Vec<State<Made>>,
    wishes: Vec<Option<State<Made>>>,
    loads: AtomicU32,
    /// The life that it has now.
    life: AtomicUsize,
    _alive: Token,
}

impl Provides<Made> for Actor {}

impl Actor {
    pub fn new(stage: &Stage, node: usize, parent: Option<usize>) -> Self {
        Self {
            stage: stage.clone(),
            node,
            parent,
            needs: Vec::new(),
            wishes: Vec::new(),
            loads: AtomicU32::new(0),
            life: AtomicUsize::new(0),
            _alive: stage.book.ledger.plugin(),
        }
    }

    /// Hands it what it needs.
    pub fn need(&mut self, need: Need, state: State<Made>) {
        match need {
            Need::State => self.needs.push(state),
            Need::Optional => self.wishes.push(Some(state)),
            Need::Order => {}
        }
    }

    fn script(&self) -> &Node {
        &self.stage.case.nodes[self.node]
    }

    fn look(&self) {
        assert!(self.needs.iter().all(|need| State::get(need).is_some()));
    }

    async fn play(&self, cx: &LoadContext, life: usize) -> Result<()> {
        let script = self.script();
        if script.cleans_up {
            self.leave(cx, life);
        }
        if script.spawns {
            self.spawn(cx, life);
        }
        if script.waits_for_ready {
            self.wait_for_ready(cx, life);
        }
        let is_bad = script.bad >> self.loads.fetch_add(1, Ordering::SeqCst).min(7) & 1 == 1;
        let step = if is_bad {
            script.load
        } else {
            Step::takes(script.load.wait)
        };
        if script.is_hasty {
            perform(step, &cx.handle()).await?;
        }
        self.bring(cx, life).await?;
        if !script.is_hasty {
            perform(step, &cx.handle()).await?;
        }
        Ok(())
    }

    async fn bring(&self, cx: &LoadContext, life: usize) -> Result<()> {
        let mut siblings: Vec<Sibling> = Vec::new();
        for child in self.stage.case.children(self.node) {
            let script = &self.stage.case.nodes[child];
            crate::actor::wait(script.pause).await;
            let registered = self.register(cx, life, child, &siblings);
            let state = registered.handle();
            let mut sibling = Sibling {
                node: child,
                state,
                child: None,
            };
            match script.way {
                Way::Leave => sibling.child = Some(registered),
                Way::Await(then) => {
                    let told = self.told(life, child, registered.load()).await;
                    settle(told.map(drop), then)?;
                }
                Way::Flush(then) => {
                    sibling.child = Some(registered);
                    settle(self.told(life, child, cx.flush()).await, then)?;
                }
                Way::Glance => {
                    let glance = crate::ticks::poll_once(&mut Box::pin(registered.load())).await;
                    glance.transpose()?;
                }
            }
            siblings.push(sibling);
        }
        Ok(())
    }

    /// Notes what somebody was told who waited.
    async fn told<T>(
        &self,
        life: usize,
        child: usize,
        waits: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let span = self.stage.book.ledger.span(life, Hook::Wait(child));
        let told = waits.await;
        match &told {
            Ok(_) => span.done(),
            Err(_) => span.note(Mark::Told),
        }
        told
    }

    fn register(
        &self,
        cx: &LoadContext,
        life: usize,
        child: usize,
        siblings: &[Sibling],
    ) -> Child<Actor> {
        let script = &self.stage.case.nodes[child];
        let mut actor = Self::new(&self.stage, child, Some(life));
        let ground = self.stage.ground.get().unwrap();
        let mut earlier = Vec::new();
        for (other, need) in &script.needs {
            let sibling = siblings.iter().find(|sibling| sibling.node == *other);
            if let (Need::Order, Some(sibling)) = (need, sibling) {
                earlier.extend(&sibling.child);
            }
            let state = sibling.map(|it| &it.state).or(ground[*other].as_ref());
            actor.need(*need, state.unwrap().clone());
        }
        let mut registered = cx.register(actor);
        if script.attempts > 1 {
            registered = registered.retry(retry(script.attempts));
        }
        for other in earlier {
            registered = registered.after(other);
        }
        registered
    }

    fn leave(&self, cx: &LoadContext, life: usize) {
        let (ledger, hook) = (self.stage.book.ledger.clone(), Hook::CleanUp(0));
        let alive = ledger.closure();
        ledger.add(life, hook, Mark::Left);
        cx.on_close(async move |_| {
            let span = ledger.span(life, hook);
            crate::actor::wait(1).await;
            span.done();
            drop(alive);
            Ok(())
        });
    }

    fn spawn(&self, cx: &LoadContext, life: usize) {
        let ledger = self.stage.book.ledger.clone();
        let alive = ledger.closure();
        cx.spawn("task", async move |cx| {
            let span = ledger.span(life, Hook::Task);
            cx.stopped().await;
            span.done();
            drop(alive);
            Ok(())
        });
    }

    fn wait_for_ready(&self, cx: &LoadContext, life: usize) {
        let ledger = self.stage.book.ledger.clone();
        let alive = ledger.closure();
        cx.on_ready(async move |_| {
            let span = ledger.span(life, Hook::Ready);
            crate::actor::wait(1).await;
            span.done();
            drop(alive);
            Ok(())
        });
    }
}

/// Waits for the next tick of the clock: never for a random time.
pub fn retry(attempts: u32) -> Retry {
    let tick = Duration::from_nanos(1);
    Retry::attempts(attempts).backoff(tick, tick)
}

fn settle(told: Result<()>, then: Then) -> Result<()> {
    match then {
        Then::Catch => Ok(()),
        Then::PassOn => told,
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Actor {
    fn descriptor(&self) -> Descriptor {
        let descriptor = Descriptor::new(name(self.node)).provides::<Made>();
        match self.script().limit {
            Some(limit) => descriptor.load_timeout(millis(limit)),
            None => descriptor,
        }
    }

    fn fields(&mut self, fields: &mut Fields<'_>) {
        for need in &mut self.needs {
            fields.field("need", need);
        }
        for wish in &mut self.wishes {
            fields.field("wish", wish);
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        let life = self.stage.book.begin(self.node, self.parent);
        self.life.store(life, Ordering::SeqCst);
        let span = self.stage.book.ledger.span(life, Hook::Load);
        self.look();
        self.play(cx, life).await?;
        self.look();
        span.done();
        Ok(States::new().with(Made(self.stage.book.ledger.state())))
    }

    async fn close(&self, cx: &CloseContext) -> Result<()> {
        let life = self.life.load(Ordering::SeqCst);
        let span = self.stage.book.ledger.span(life, Hook::Close);
        self.look();
        perform(self.script().close, &cx.handle()).await?;
        self.look();
        span.done();
        Ok(())
    }
}
