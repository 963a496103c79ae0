//! Many parents with many children on several threads, and faults at random.
//!
//! `MATRIX_STRESS` is how many apps, `MATRIX_SEED` which ones.

use std::time::Duration;

use support::threaded;
use tokio::time::{sleep, timeout};

use crate::case::{Fault, Step};
use crate::faults::setting;
use crate::nested::book::Book;
use crate::nested::case::{Barrier, Case, Node, Then, Way};
use crate::nested::ground;
use crate::nested::relations::Story;

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // The numbers of Knuth's MMIX.
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn node(&mut self, parent: Option<usize>, faults: u64) -> Node {
        let ways = [
            Way::Leave,
            Way::Leave,
            Way::Await(Then::Catch),
            Way::Flush(Then::Catch),
            Way::Await(Then::PassOn),
        ];
        let way = usize::try_from(self.roll(5)).unwrap();
        let fault = match self.roll(1_000) {
            it if it >= faults => Fault::None,
            it if it % 3 == 0 => Fault::Panic,
            _ => Fault::Error,
        };
        let recovers = true;
        let act = Step::default();
        let is_barred = parent.is_none() && self.roll(3) == 0;
        Node {
            parent,
            way: ways[way],
            load: Step {
                wait: self.roll(12) / 10,
                fault,
            },
            bad: 1,
            attempts: 1 + u32::from(fault == Fault::Error && self.roll(2) == 0),
            cleans_up: self.roll(4) == 0,
            spawns: self.roll(6) == 0,
            waits_for_ready: self.roll(10) == 0,
            barrier: is_barred.then_some(Barrier { recovers, act }),
            ..Node::default()
        }
    }

    fn case(&mut self) -> Case {
        let faults = [0, 20, 60][usize::try_from(self.roll(3)).unwrap()];
        let mut nodes: Vec<Node> = Vec::new();
        for _ in 0..6 {
            let top = nodes.len();
            nodes.push(self.node(None, faults));
            for _ in 0..12 {
                let parents = u64::try_from(nodes.len() - top).unwrap();
                let parent = top + usize::try_from(self.roll(parents.min(4))).unwrap();
                nodes.push(self.node(Some(parent), faults));
            }
        }
        let limits = [0, 0, 0, 3];
        Case {
            concurrency: limits[usize::try_from(self.roll(4)).unwrap()],
            has_extras: true,
            shutdown_at: (self.roll(5) == 0).then(|| self.roll(6)),
            ..Case::of(nodes)
        }
    }
}

/// Checks the balance of one app, and everything else that holds at any speed.
async fn live(case: Case) {
    let book = Book::open();
    let app = ground::app(&case, &book);
    let handle = app.handle();
    if let Some(at) = case.shutdown_at {
        let handle = handle.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(at)).await;
            handle.shutdown();
        });
    }
    if let Ok(running) = app.boot().await {
        let _outcome = running.close().await;
    }
    drop(handle.closed().await);
    drop(handle);
    let (origins, events) = (book.origins(), book.events());
    let checked = Story::read(&case, &origins, &events).and_then(|story| story.check());
    if let Err(fault) = checked {
        // The words come first: the rest is long, and its end may be cut off.
        panic!("{fault}\n{case:?}\n{origins:?}\n{events:?}");
    }
    // Whoever has ended the app may hold something for a moment.
    while !book.ledger.alive().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn many_trees_on_many_threads_close_what_they_loaded() {
    let (seed, apps) = (setting("MATRIX_SEED", 1), setting("MATRIX_STRESS", 60));
    let mut dice = Dice(seed.into());
    for app in 0..apps {
        let case = dice.case();
        let shown = case.clone();
        let ended = threaded(async { timeout(Duration::from_secs(20), live(case)).await });
        assert!(ended.is_ok(), "app {app} does not end: {shown:#?}");
    }
}
