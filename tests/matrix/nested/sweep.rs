//! Somebody lets go of a tree at every moment that there is.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bootstrap::{BootErrorKind, Handle, HookFailure, ShutdownReason};
use support::bounded;

use crate::case::{Fault, Step, millis};
use crate::ledger::{Event, Hook, Mark};
use crate::nested::book::Book;
use crate::nested::case::{Barrier, Case, Need, Node, Then, Way};
use crate::nested::ground;
use crate::nested::relations::Story;
use crate::sweep::{Given, nothing_is_left, run_for, story_is_cut};
use crate::ticks::fine_grained;

const CATCH: Then = Then::Catch;
const PASS_ON: Then = Then::PassOn;

/// Registered with the app.
fn plugin() -> Node {
    Node {
        load: Step::takes(1),
        close: Step::takes(1),
        cleans_up: true,
        ..Node::default()
    }
}

fn child(parent: usize, way: Way) -> Node {
    Node {
        parent: Some(parent),
        way,
        ..plugin()
    }
}

fn needs(mut node: Node, need: usize) -> Node {
    node.needs.push((need, Need::State));
    node
}

fn fails(node: Node) -> Node {
    Node {
        load: Step {
            wait: 2,
            fault: Fault::Error,
        },
        bad: u8::MAX,
        ..node
    }
}

/// Fails once.
fn tries_again(node: Node) -> Node {
    Node {
        bad: 1,
        attempts: 2,
        ..fails(node)
    }
}

fn scoped(node: Node, scope: usize) -> Node {
    Node { scope, ..node }
}

fn behind(node: Node, recovers: bool) -> Node {
    let act = Step::takes(1);
    Node {
        barrier: Some(Barrier { recovers, act }),
        ..node
    }
}

/// What is not about failures.
fn sound() -> Vec<(&'static str, Vec<Node>)> {
    let (leave, awaits) = (Way::Leave, Way::Await(PASS_ON));
    vec![
        ("late", vec![plugin(), child(0, leave), child(0, leave)]),
        (
            "awaited",
            vec![plugin(), child(0, awaits), child(0, awaits)],
        ),
        (
            "flushed",
            vec![
                plugin(),
                child(0, leave),
                child(0, Way::Flush(PASS_ON)),
                child(0, leave),
            ],
        ),
        (
            "mixed",
            vec![
                plugin(),
                child(0, awaits),
                child(0, leave),
                needs(plugin(), 0),
            ],
        ),
        (
            "deep and late",
            vec![plugin(), child(0, leave), child(1, leave), child(2, leave)],
        ),
        (
            "deep and awaited",
            vec![
                plugin(),
                child(0, awaits),
                child(1, awaits),
                child(2, awaits),
            ],
        ),
        (
            "deep and mixed",
            vec![plugin(), child(0, leave), child(1, awaits), child(2, leave)],
        ),
        (
            "siblings",
            vec![
                plugin(),
                child(0, leave),
                needs(child(0, leave), 1),
                needs(child(0, awaits), 1),
            ],
        ),
        (
            "thinks better of it",
            vec![plugin(), child(0, Way::Glance), child(0, leave)],
        ),
        (
            "scopes",
            vec![
                scoped(plugin(), 1),
                child(0, awaits),
                scoped(needs(plugin(), 0), 2),
                child(2, leave),
            ],
        ),
        (
            "barriers",
            vec![
                plugin(),
                child(0, leave),
                behind(plugin(), false),
                behind(plugin(), true),
            ],
        ),
        (
            "in a scope",
            vec![
                scoped(plugin(), 1),
                behind(scoped(plugin(), 1), false),
                child(1, awaits),
                plugin(),
            ],
        ),
    ]
}

/// Something goes wrong, and somebody answers for it, or nobody.
fn unsound() -> Vec<(&'static str, Vec<Node>)> {
    let (leave, catches, passes_on) = (Way::Leave, Way::Await(CATCH), Way::Await(PASS_ON));
    vec![
        (
            "caught",
            vec![plugin(), fails(child(0, catches)), child(0, leave)],
        ),
        (
            "caught with others",
            vec![
                plugin(),
                child(0, leave),
                fails(child(0, leave)),
                child(0, Way::Flush(CATCH)),
                child(1, leave),
            ],
        ),
        (
            "passed on",
            vec![plugin(), child(0, passes_on), fails(child(0, passes_on))],
        ),
        (
            "late failure",
            vec![
                plugin(),
                child(0, passes_on),
                fails(child(0, leave)),
                plugin(),
            ],
        ),
        (
            "deep failure, caught",
            vec![
                plugin(),
                child(0, catches),
                child(1, leave),
                fails(child(1, leave)),
            ],
        ),
        (
            "tries again",
            vec![tries_again(plugin()), child(0, passes_on), child(0, leave)],
        ),
        (
            "a child tries again",
            vec![
                plugin(),
                tries_again(child(0, passes_on)),
                child(1, passes_on),
            ],
        ),
        (
            "recovers",
            vec![
                plugin(),
                child(0, leave),
                fails(plugin()),
                behind(plugin(), true),
                child(3, leave),
            ],
        ),
        (
            "recovers from a child",
            vec![
                plugin(),
                fails(child(0, leave)),
                child(0, leave),
                behind(plugin(), true),
            ],
        ),
        (
            "observes",
            vec![
                plugin(),
                fails(child(0, leave)),
                behind(plugin(), false),
                behind(plugin(), true),
            ],
        ),
        (
            "observes, and fails",
            vec![plugin(), fails(child(0, leave)), behind(plugin(), false)],
        ),
        (
            "recovers in a scope",
            vec![
                scoped(fails(plugin()), 1),
                behind(scoped(plugin(), 1), true),
                child(1, passes_on),
                plugin(),
            ],
        ),
    ]
}

/// Every graph in two ways, and whether it boots.
fn cases() -> Vec<(String, Case, bool)> {
    let fail = ["passed on", "late failure", "observes, and fails"];
    let mut cases = Vec::new();
    for (place, (name, nodes)) in sound().into_iter().chain(unsound()).enumerate() {
        let (how, other) = if place % 2 == 0 {
            ("quick", quick(nodes.clone()))
        } else {
            ("serial", serial(nodes.clone()))
        };
        let boots = !fail.contains(&name);
        cases.push((name.to_owned(), Case::of(nodes), boots));
        cases.push((format!("{name}, {how}"), other, boots));
    }
    cases
}

/// Nothing waits, and everything is there that runs when the app is ready.
fn quick(mut nodes: Vec<Node>) -> Case {
    for node in &mut nodes {
        (node.load.wait, node.close, node.cleans_up) = (0, Step::default(), false);
        (node.spawns, node.waits_for_ready) = (true, true);
    }
    Case {
        has_extras: true,
        ..Case::of(nodes)
    }
}

fn serial(nodes: Vec<Node>) -> Case {
    Case {
        concurrency: 1,
        ..Case::of(nodes)
    }
}

/// Boots, is left alone for a moment, closes.
async fn story(case: Case, book: Book, give: impl FnOnce(Handle)) -> Result<bool, BootErrorKind> {
    let app = ground::app(&case, &book);
    give(app.handle());
    let running = match app.boot().await {
        Ok(running) => running,
        Err(error) => return Err(error.kind().clone()),
    };
    let handle = running.handle();
    tokio::spawn(async move {
        tokio::time::sleep(millis(case.hold)).await;
        handle.shutdown();
    });
    running.wait().await;
    Ok(running.close().await.is_ok())
}

fn check(case: &Case, book: &Book) {
    let (origins, events) = (book.origins(), book.events());
    let checked = Story::read(case, &origins, &events).and_then(|story| story.check());
    assert_eq!(checked, Ok(()), "{origins:#?}\n{events:#?}");
}

/// Nothing of a boot goes on after the instant at which it is stopped.
fn nothing_boots_after(cut: u64, book: &Book) {
    let is_late = |event: &Event| {
        let is_of_boot = matches!(
            event.hook,
            Hook::Load | Hook::Loaded | Hook::Ready | Hook::Start
        );
        let goes_on = matches!(event.mark, Mark::Began | Mark::Done);
        event.at > cut && is_of_boot && goes_on
    };
    let late: Vec<Event> = book.events().into_iter().filter(is_late).collect();
    assert!(late.is_empty(), "{late:?} after {cut} ms");
}

/// Calls `cut` with every number of ticks, until it says that the story was over before.
fn sweep(cut: impl Fn(&Case, bool, usize) -> bool) {
    let cuts = bounded(|| cut_everywhere(cut));
    assert!(cuts > 2_000, "only {cuts}: the ticks are too long");
}

fn cut_everywhere(cut: impl Fn(&Case, bool, usize) -> bool) -> usize {
    let mut cuts = 0;
    for (name, case, boots) in cases() {
        for ticks in 0.. {
            assert!(ticks < 5_000, "{name} does not end");
            cuts += 1;
            match catch_unwind(AssertUnwindSafe(|| cut(&case, boots, ticks))) {
                Ok(true) => break,
                Ok(false) => {}
                Err(panic) => {
                    eprintln!("{name}, after {ticks} ticks");
                    resume_unwind(panic);
                }
            }
        }
    }
    cuts
}

/// Whether something has failed, and nobody was told of it.
fn has_failed_unheard(book: &Book) -> bool {
    let events = book.events();
    let has = |hook: Hook, mark| events.iter().any(|it| it.hook == hook && it.mark == mark);
    let is_told = events.iter().any(|it| it.mark == Mark::Told);
    has(Hook::Load, Mark::Broken) && !is_told
}

fn ends_as_it_should(
    told: Result<bool, BootErrorKind>,
    (boots, was_over): (bool, bool),
    book: &Book,
) {
    match told {
        // It was cut off before whoever would have handled it could hear of it.
        Err(BootErrorKind::Failed) if !was_over && has_failed_unheard(book) => {}
        Ok(closed_well) => assert!(closed_well && boots),
        Err(BootErrorKind::Failed) => assert!(!boots),
        Err(BootErrorKind::Interrupted { reason }) => {
            assert_eq!(reason, ShutdownReason::Requested);
            assert!(!was_over);
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_tree_that_is_let_go_of_at_any_moment_closes() {
    let runtime = fine_grained();
    sweep(|case, boots, ticks| {
        runtime.block_on(async {
            let (book, given) = (Book::open(), Given::default());
            let mut story = Box::pin(story(case.clone(), book.clone(), given.give()));
            let told = run_for(&mut story, ticks).await;
            let cut = book.ledger.now();
            drop(story);
            given.handle().unwrap().closed().await;
            nothing_boots_after(cut, &book);
            check(case, &book);
            nothing_is_left(&book.ledger).await;
            let was_over = told.is_some();
            if let Some(told) = told {
                ends_as_it_should(told, (boots, true), &book);
            }
            was_over
        })
    });
}

#[test]
fn a_tree_that_is_shut_down_at_any_moment_closes() {
    let runtime = fine_grained();
    sweep(|case, boots, ticks| {
        runtime.block_on(async {
            let (book, given) = (Book::open(), Given::default());
            let mut story = Box::pin(story(case.clone(), book.clone(), given.give()));
            let told = run_for(&mut story, ticks).await;
            let (was_over, cut) = (told.is_some(), book.ledger.now());
            let told = if let Some(told) = told {
                told
            } else {
                given.handle().unwrap().shutdown();
                story.await
            };
            ends_as_it_should(told, (boots, was_over), &book);
            given.handle().unwrap().closed().await;
            nothing_boots_after(cut, &book);
            check(case, &book);
            nothing_is_left(&book.ledger).await;
            was_over
        })
    });
}

fn cut_by_the_runtime(case: &Case, ticks: usize) -> bool {
    let runtime = fine_grained();
    let (book, given) = (runtime.block_on(async { Book::open() }), Given::default());
    let mut story = Box::pin(story(case.clone(), book.clone(), given.give()));
    let told = runtime.block_on(run_for(&mut story, ticks));
    drop(runtime);
    let was_over = told.is_some();
    fine_grained().block_on(async {
        let handle = given.handle().unwrap();
        handle.closed().await;
        if !was_over {
            story_is_cut(story.await);
        }
        let closed = handle.close().await.map(drop);
        let errors = closed
            .err()
            .map_or_else(Vec::new, |error| error.errors().to_vec());
        let is_named =
            |it: &&bootstrap::HookError| matches!(it.failure(), HookFailure::RuntimeShutDown);
        let named = errors.iter().filter(is_named).count();
        let (origins, events) = (book.origins(), book.events());
        let story = Story::read(case, &origins, &events).unwrap();
        assert_eq!(story.check_part(), Ok(()), "{events:#?}");
        // Barriers have no `close`, and are named all the same.
        let (least, most) = story.not_closed();
        assert!(
            (least..=most).contains(&named),
            "{least} to {most}: {errors:?}\n{events:#?}"
        );
        nothing_is_left(&book.ledger).await;
    });
    was_over
}

/// Nobody hangs, nothing leaks, and what was not closed is named.
#[test]
fn a_tree_whose_runtime_goes_away_at_any_moment_ends() {
    sweep(|case, _, ticks| cut_by_the_runtime(case, ticks));
}
