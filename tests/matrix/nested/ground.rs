//! What a case registers with its app.

use std::sync::{Arc, OnceLock};

use bootstrap::context::BarrierContext;
use bootstrap::prelude::*;
use bootstrap::{Registration, Scope};

use crate::actor::{perform, wait};
use crate::case::millis;
use crate::ledger::Hook;
use crate::nested::actor::{Actor, Made, Stage, retry};
use crate::nested::book::{APP, Book};
use crate::nested::case::{Barrier, Case, Entry, Need};

/// The app, not booted.
pub fn app(case: &Case, book: &Book) -> App {
    let stage = Stage {
        case: Arc::new(case.clone()),
        book: book.clone(),
        ground: Arc::new(OnceLock::new()),
    };
    let mut ground = Ground {
        all: vec![None; case.nodes.len()],
        scopes: 0,
        stage,
    };
    let mut app = limited(App::new(), case);
    if case.has_extras {
        app = with_extras(app, book);
    }
    for entry in case.ground() {
        app = match entry {
            Entry::Plugin(node) => {
                let actor = ground.actor(node);
                let registered = app.register(actor);
                ground.keep(node, registered);
                app
            }
            Entry::Barrier(number, barrier) => {
                let act = ground.act(number, barrier);
                if barrier.recovers {
                    app.recover(act)
                } else {
                    app.barrier(act)
                }
            }
            Entry::Scope(inside) => {
                let name = ground.scope();
                app.scope(name, |scope| ground.fill(scope, inside));
                app
            }
        };
    }
    let states = ground.all.iter().map(|it| Some(it.as_ref()?.handle()));
    assert!(ground.stage.ground.set(states.collect()).is_ok());
    app
}

fn limited(mut app: App, case: &Case) -> App {
    if case.concurrency > 0 {
        app = app.max_concurrency(case.concurrency);
    }
    if let Some(limit) = case.boot_limit {
        app = app.boot_timeout(millis(limit));
    }
    // Only those that hang may take too long.
    app.load_timeout(millis(1_000_000))
}

/// What belongs to no plugin.
fn with_extras(app: App, book: &Book) -> App {
    let noted = |hook| {
        let (ledger, alive) = (book.ledger.clone(), book.ledger.closure());
        move |_| async move {
            let span = ledger.span(APP, hook);
            wait(1).await;
            span.done();
            drop(alive);
            Ok(())
        }
    };
    app.on_loaded(noted(Hook::Loaded))
        .on_ready(noted(Hook::Ready))
        .on_start(noted(Hook::Start))
        .on_close(noted(Hook::AppClose))
}

struct Ground {
    all: Vec<Option<Registration<Actor>>>,
    scopes: usize,
    stage: Stage,
}

type Acted = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Ground {
    fn fill(&mut self, scope: &mut Scope<'_>, entries: Vec<Entry>) {
        for entry in entries {
            match entry {
                Entry::Plugin(node) => {
                    let registered = scope.register(self.actor(node));
                    self.keep(node, registered);
                }
                Entry::Barrier(number, barrier) => {
                    let act = self.act(number, barrier);
                    if barrier.recovers {
                        scope.recover(act)
                    } else {
                        scope.barrier(act)
                    };
                }
                Entry::Scope(inside) => {
                    let name = self.scope();
                    scope.scope(name, |scope| self.fill(scope, inside));
                }
            }
        }
    }

    fn scope(&mut self) -> String {
        self.scopes += 1;
        format!("s{}", self.scopes)
    }

    fn actor(&self, node: usize) -> Actor {
        let mut actor = Actor::new(&self.stage, node, None);
        for (earlier, need) in &self.stage.case.nodes[node].needs {
            let state: State<Made> = self.all[*earlier].as_ref().unwrap().handle();
            actor.need(*need, state);
        }
        actor
    }

    fn keep(&mut self, node: usize, mut registered: Registration<Actor>) {
        let script = &self.stage.case.nodes[node];
        for (earlier, need) in &script.needs {
            if *need == Need::Order {
                registered = registered.after(self.all[*earlier].as_ref().unwrap());
            }
        }
        if script.attempts > 1 {
            registered = registered.retry(retry(script.attempts));
        }
        self.all[node] = Some(registered);
    }

    fn act(
        &self,
        number: usize,
        barrier: Barrier,
    ) -> impl FnOnce(BarrierContext) -> Acted + Send + 'static + use<> {
        let book = self.stage.book.clone();
        move |cx| {
            Box::pin(async move {
                let life = book.begin(number, None);
                let span = book.ledger.span(life, Hook::Load);
                perform(barrier.act, &cx.handle()).await?;
                span.done();
                Ok(())
            })
        }
    }
}
