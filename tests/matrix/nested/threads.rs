//! The same trees on threads, where hooks run beside each other.
//!
//! `MATRIX_TREES` is how many trees, `MATRIX_SEED` which ones, `MATRIX_AT_ONCE` how many at a time. A
//! failure is printed as it is: the same tree may hold the next time, so it is not shrunk.

use std::sync::Mutex;
use std::thread;

use proptest::strategy::{Strategy, ValueTree};
use support::bounded;
use tokio::runtime::{Builder, Runtime};

use crate::faults::{runner, setting};
use crate::nested::case::Case;
use crate::nested::faults::{any_case, shown, verify_on};

/// Trees that fit in a test binary that runs beside others.
const TREES: u32 = 150;

/// How many of those that fail are printed.
const SHOWN: usize = 5;

fn threads(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

/// Takes trees from the front until none is left, and adds what does not hold.
fn verify_all(trees: &Mutex<Vec<Case>>, workers: usize, failed: &Mutex<Vec<String>>) {
    let runtime = threads(workers);
    loop {
        let Some(case) = trees.lock().unwrap().pop() else {
            break;
        };
        if let Err(why) = verify_on(&runtime, &case) {
            failed
                .lock()
                .unwrap()
                .push(format!("{why}\n{}", shown(&case)));
        }
    }
    runtime.shutdown_background();
}

fn hold_on(workers: usize) {
    let (seed, trees) = (setting("MATRIX_SEED", 1), setting("MATRIX_TREES", TREES));
    let mut runner = runner(seed, trees);
    let any_case = any_case();
    let failed = Mutex::new(Vec::new());
    let mut left = usize::try_from(trees).unwrap();
    while left > 0 {
        let some = left.min(500);
        left -= some;
        let draw = |_| any_case.new_tree(&mut runner).unwrap().current();
        let some: Mutex<Vec<Case>> = Mutex::new((0..some).map(draw).collect());
        bounded(|| {
            thread::scope(|scope| {
                for _ in 0..setting("MATRIX_AT_ONCE", 8) {
                    scope.spawn(|| verify_all(&some, workers, &failed));
                }
            });
        });
    }
    let failed = failed.into_inner().unwrap();
    let number = failed.len();
    let shown = failed.into_iter().take(SHOWN).collect::<String>();
    assert!(
        number == 0,
        "MATRIX_SEED={seed}: {number} of {trees} trees do not hold: {shown}"
    );
}

#[test]
fn whatever_goes_wrong_in_a_tree_on_two_threads_ends_as_the_oracle_says() {
    hold_on(2);
}

#[test]
fn whatever_goes_wrong_in_a_tree_on_four_threads_ends_as_the_oracle_says() {
    hold_on(4);
}
