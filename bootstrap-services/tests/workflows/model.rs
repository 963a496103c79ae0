//! Random workflows with random crashes, against the same workflow without one.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use bootstrap_services::workflows::{Flow, FlowId, FlowState, Workflows};
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kit::{HOUR, Kit, Log, Part, Script};

/// What a workflow does, one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Act {
    Step,
    /// Can be undone.
    Undoable,
    Sleep(u64),
    Signal,
    Job,
    All(Vec<Vec<Act>>),
    Any(Vec<Vec<Act>>),
    /// An error that the workflow handles.
    Handled,
    Fail,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let leaf = prop_oneof![
        3 => Just(Act::Step),
        3 => Just(Act::Undoable),
        2 => (1_u64..5).prop_map(Act::Sleep),
        1 => Just(Act::Signal),
        1 => Just(Act::Job),
        1 => Just(Act::Handled),
        1 => Just(Act::Fail),
    ];
    let act = leaf.prop_recursive(2, 12, 3, |inner| {
        let branches = prop::collection::vec(prop::collection::vec(inner, 0..3), 1..4);
        prop_oneof![
            branches.clone().prop_map(Act::All),
            branches.prop_map(Act::Any)
        ]
    });
    prop::collection::vec(act, 1..6)
}

/// The names of the steps that can be undone.
fn undoable(path: &str, acts: &[Act]) -> Vec<String> {
    let mut names = Vec::new();
    for (number, act) in acts.iter().enumerate() {
        let name = format!("{path}.{number}");
        match act {
            Act::Undoable => names.push(name),
            Act::All(branches) | Act::Any(branches) => {
                for (at, acts) in branches.iter().enumerate() {
                    names.extend(undoable(&format!("{name}/{at}"), acts));
                }
            }
            _ => {}
        }
    }
    names
}

/// Cancels the workflow in the middle of the step that is the last of so many.
#[derive(Clone, Default)]
struct Cancel {
    after: Option<usize>,
    flows: Arc<OnceLock<Workflows>>,
}

impl Cancel {
    async fn note(&self, cx: &Flow, log: &Log, name: &str) -> Result<()> {
        log.add(name);
        if self.after == Some(log.all().len()) {
            let id = FlowId::new(cx.id());
            self.flows.get().unwrap().cancel(&id).await?;
        }
        Ok(())
    }
}

fn run<'a>(
    cx: &'a Flow,
    log: &'a Log,
    cancel: &'a Cancel,
    path: String,
    acts: &'a [Act],
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        for (number, act) in acts.iter().enumerate() {
            let name = format!("{path}.{number}");
            let note = || cancel.note(cx, log, &name);
            match act {
                Act::Step => cx.step(&name, note).await?,
                Act::Undoable => {
                    let step = cx.step(&name, note);
                    step.undo(|()| async { Ok(log.add(format!("undo {name}"))) })
                        .await?;
                }
                Act::Sleep(hours) => cx.sleep(&name, HOUR * u32::try_from(*hours)?).await?,
                Act::Signal => cx.signal("go").step(&name).await?,
                Act::Job => {
                    let _: u32 = cx.job(&name, Part::Return(1)).await?;
                }
                Act::All(branches) => {
                    let branches = branches.iter().enumerate();
                    let branches = branches
                        .map(|(at, acts)| run(cx, log, cancel, format!("{name}/{at}"), acts));
                    cx.all(branches.collect::<Vec<_>>()).await?;
                }
                Act::Any(branches) => {
                    let branches = branches.iter().enumerate();
                    let branches = branches
                        .map(|(at, acts)| run(cx, log, cancel, format!("{name}/{at}"), acts));
                    cx.any(&name, branches.collect::<Vec<_>>()).await?;
                }
                Act::Handled | Act::Fail => {
                    let step =
                        cx.step(&name, || async { Err::<(), _>(anyhow::anyhow!("no luck")) });
                    let failed = step.attempts(1).await;
                    if matches!(act, Act::Fail) {
                        failed?;
                    }
                }
            }
        }
        Ok(())
    })
}

/// Runs a workflow to its end, with a crash after each of these steps and undos, or a cancellation. Returns its state, and how often each thing was done.
async fn outcome(
    acts: &[Act],
    crashes: &[String],
    cancel_after: Option<usize>,
) -> (FlowState, Option<String>, BTreeMap<String, usize>) {
    let code = acts.to_vec();
    let cancel = Cancel {
        after: cancel_after,
        ..Cancel::default()
    };
    let flows = Arc::clone(&cancel.flows);
    let script = Script::new(move |cx, log, _| {
        let (code, cancel) = (code.clone(), cancel.clone());
        Box::pin(async move {
            run(cx, log, &cancel, String::new(), &code).await?;
            Ok(serde_json::Value::Null)
        })
    });
    let kit = Kit::by_hand(script).await;
    let _ = flows.set(kit.flows.clone());
    for crash in crashes {
        kit.flows.crash_after(crash);
    }
    let id = kit.start(()).await;
    for _ in 0..40 {
        kit.drain().await;
        if kit.state(&id).await.has_ended() {
            break;
        }
        kit.flows.signal(&id, "go", &()).await.unwrap();
        kit.advance(HOUR).await;
    }
    let flow = kit.find(&id).await;
    let mut done = BTreeMap::new();
    for line in kit.log.take() {
        *done.entry(line).or_insert(0) += 1;
    }
    kit.close().await;
    (flow.state, flow.error, done)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn all_that_was_done_is_undone_when_a_workflow_fails_or_is_cancelled_in_a_step(acts in acts(), after in 0_usize..8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (state, _, done) = outcome(&acts, &[], Some(after)).await;
            prop_assert!(state.has_ended());
            for name in undoable("", &acts) {
                let is_done = state != FlowState::Done && done.contains_key(&name);
                let undone = done.get(&format!("undo {name}")).copied();
                prop_assert_eq!(undone, is_done.then_some(1), "{}: {:?}", name, done);
            }
            Ok(())
        })?;
    }

    #[test]
    fn crashes_change_neither_the_end_nor_what_is_undone(acts in acts(), seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (state, _, done) = outcome(&acts, &[], None).await;
            prop_assert!(state.has_ended());
            let mut random = fastrand::Rng::with_seed(seed);
            let crashes: Vec<_> = done.keys().filter(|_| random.bool()).cloned().collect();
            let crashed = outcome(&acts, &crashes, None).await;
            // Which of several branches fails or wins may differ with a crash: then others are done.
            let has_branches = acts.iter().any(|act| matches!(act, Act::All(_) | Act::Any(_)));
            if !has_branches {
                prop_assert_eq!(&crashed.2, &done, "crashes after {:?}", crashes);
                prop_assert_eq!(crashed.0, state);
            }
            prop_assert!(crashed.0.has_ended(), "{:?}", crashed);
            let changed = crashed.1.as_deref().is_some_and(|it| it.contains("has changed"));
            prop_assert!(!changed, "{:?} with crashes after {:?}", crashed, crashes);
            for (name, times) in &crashed.2 {
                if let Some(step) = name.strip_prefix("undo ") {
                    prop_assert_eq!(*times, 1, "{} with crashes after {:?}", name, crashes);
                    prop_assert!(crashed.2.contains_key(step));
                }
            }
            Ok(())
        })?;
    }
}
