//! Workflows that are written as a list of states.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::jobs::Job;
use crate::workflows::step::{Step, Work};
use crate::workflows::wait::Other;
use crate::workflows::{Flow, FlowError};

type Task<'a> = Box<dyn Fn(Value) -> BoxFuture<'a, Result<Value>> + Send + Sync + 'a>;

/// A workflow as a list of named states: each gets what the previous one has returned, as JSON. [`run`](Self::run) goes through them by the steps of a
/// [`Flow`], so everything holds that holds for those.
///
/// A state is followed by the next one in the list, except after [`then`](Self::then) and [`end`](Self::end). These two, [`attempts`](Self::attempts),
/// [`timeout`](Self::timeout), [`undo`](Self::undo) and [`settled`](Self::settled) concern the last state that was added.
///
/// # Examples
///
/// ```
/// use anyhow::Result;
/// use bootstrap_services::workflows::{Definition, Flow};
/// use serde_json::{Value, json};
///
/// async fn order(cx: &Flow, cents: u64) -> Result<Value> {
///     Definition::new()
///         .task("charge", |cents| async move { Ok(json!({ "charged": cents })) })
///         .attempts(8)
///         .undo(|receipt| async move { Ok(println!("refunding {receipt}")) })
///         .choice("size", |receipt| if receipt["charged"].as_u64() > Some(10_000) { "insure" } else { "ship" })
///         .task("insure", |receipt| async move { Ok(receipt) })
///         .parallel("ship", [("parcel", json!("van")), ("mail", json!("bike"))], |by, _receipt| async move { Ok(by) })
///         .pass("summary", |shipped| json!({ "by": shipped["parcel"] }))
///         .run(cx, cents)
///         .await
/// }
/// ```
#[must_use = "nothing is done until it is run"]
#[derive(Default)]
pub struct Definition<'a> {
    states: Vec<State<'a>>,
}

struct State<'a> {
    name: String,
    act: Act<'a>,
    attempts: Option<u32>,
    timeout: Option<Duration>,
    undo: Option<Undo<'a>>,
    /// Whether `settled` was set for a state without branches.
    is_settled_alone: bool,
    next: Next,
}

type Undo<'a> = Box<dyn Fn(Value) -> BoxFuture<'a, Result<()>> + Send + Sync + 'a>;

enum Act<'a> {
    Task(Task<'a>),
    Job(Box<dyn Fn(Value) -> Result<Other, FlowError> + Send + Sync + 'a>),
    /// Each has a name of its own; and whether all of them end, also if some fail.
    Parallel(Vec<(String, Task<'a>)>, bool),
    Pass(Box<dyn Fn(Value) -> Value + Send + Sync + 'a>),
    Choice(Box<dyn Fn(&Value) -> &'static str + Send + Sync + 'a>),
}

enum Next {
    Following,
    State(String),
    End,
}

impl<'a> Definition<'a> {
    /// No states.
    pub const fn new() -> Self {
        Self { states: Vec::new() }
    }

    /// A step, with the retries of the [policy](crate::workflows::Workflow::policy). It returns what the next state gets.
    pub fn task<F>(
        self,
        name: impl Into<String>,
        work: impl Fn(Value) -> F + Send + Sync + 'a,
    ) -> Self
    where
        F: Future<Output = Result<Value>> + Send + 'a,
    {
        self.add(
            name,
            Act::Task(Box::new(move |value| Box::pin(work(value)))),
        )
    }

    /// A [job](Flow::job) that is made of what the state gets. The state returns the result of the job. The attempts and the timeout of the job are those of its own
    /// policy; those of the state hold for its undo.
    pub fn job<J: Job>(
        self,
        name: impl Into<String>,
        make: impl Fn(Value) -> J + Send + Sync + 'a,
    ) -> Self {
        self.add(
            name,
            Act::Job(Box::new(move |value| Other::job(&make(value)))),
        )
    }

    /// Steps that run at the same time: one for each branch, which gets its value and what the state gets. It returns an object with
    /// the result of each branch. The first error fails the state, unless it is [`settled`](Self::settled). A branch is the step `<state>/<branch>`.
    pub fn parallel<B, F>(
        self,
        name: impl Into<String>,
        branches: impl IntoIterator<Item = (&'static str, B)>,
        work: impl Fn(B, Value) -> F + Send + Sync + Clone + 'a,
    ) -> Self
    where
        B: Clone + Send + Sync + 'a,
        F: Future<Output = Result<Value>> + Send + 'a,
    {
        let branch = |(name, of): (&str, B)| {
            let work = work.clone();
            let work: Task<'a> = Box::new(move |value| Box::pin(work(of.clone(), value)));
            (name.to_owned(), work)
        };
        let branches = branches.into_iter().map(branch).collect();
        self.add(name, Act::Parallel(branches, false))
    }

    /// Changes the value, without a step: it must return the same each time.
    pub fn pass(
        self,
        name: impl Into<String>,
        change: impl Fn(Value) -> Value + Send + Sync + 'a,
    ) -> Self {
        self.add(name, Act::Pass(Box::new(change)))
    }

    /// Returns the name of the next state, which gets the same value. It must return the same each time.
    pub fn choice(
        self,
        name: impl Into<String>,
        choose: impl Fn(&Value) -> &'static str + Send + Sync + 'a,
    ) -> Self {
        self.add(name, Act::Choice(Box::new(choose)))
    }

    /// Sets how many times the state is attempted, 5 unless the policy says otherwise; of a [`parallel`](Self::parallel) state, each branch. See [`Step::attempts`]. It is an error of
    /// [`run`](Self::run) if the state does no work.
    pub fn attempts(self, attempts: u32) -> Self {
        self.set(|state| state.attempts = Some(attempts))
    }

    /// Sets how long an attempt may take, 5 minutes unless the policy says otherwise. See [`Step::timeout`]. It is an error of [`run`](Self::run) if the state does no work.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|state| state.timeout = Some(timeout))
    }

    /// Sets what undoes the state, which is an error of [`run`](Self::run) if it does no work. It gets what the state has returned. A [`parallel`](Self::parallel) state is undone branch by branch, with what each has returned. See
    /// [`Step::undo`].
    pub fn undo<F>(self, undo: impl Fn(Value) -> F + Send + Sync + 'a) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'a,
    {
        self.set(|state| state.undo = Some(Box::new(move |result| Box::pin(undo(result)))))
    }

    /// Lets all branches of a [`parallel`](Self::parallel) state end, also if some fail. It returns an object with `{ "ok": result }` or `{ "error": text }` for each branch,
    /// and does not fail. It is an error of [`run`](Self::run) if the state has no branches.
    pub fn settled(self) -> Self {
        self.set(|state| match &mut state.act {
            Act::Parallel(_, is_settled) => *is_settled = true,
            _ => state.is_settled_alone = true,
        })
    }

    /// The state that follows the last one that was added.
    pub fn then(self, next: impl Into<String>) -> Self {
        self.set(|state| state.next = Next::State(next.into()))
    }

    /// Ends the workflow after the last state that was added. Its result is that of the workflow.
    pub fn end(self) -> Self {
        self.set(|state| state.next = Next::End)
    }

    fn add(mut self, name: impl Into<String>, act: Act<'a>) -> Self {
        self.states.push(State {
            name: name.into(),
            act,
            attempts: None,
            timeout: None,
            undo: None,
            is_settled_alone: false,
            next: Next::Following,
        });
        self
    }

    fn set(mut self, set: impl FnOnce(&mut State<'a>)) -> Self {
        if let Some(last) = self.states.last_mut() {
            set(last);
        }
        self
    }

    /// Goes through the states, from the first one. Returns what the last one returned.
    ///
    /// # Errors
    ///
    /// The error of a state; an error if the list is empty, if two states have one name, if a state leads to one that is not there, or if something is set that has no
    /// meaning for a state.
    ///
    /// # Cancel safety
    ///
    /// As [`Flow::step`].
    pub async fn run(&self, cx: &Flow, input: impl Serialize) -> Result<Value> {
        self.check()?;
        let mut value = serde_json::to_value(input)?;
        let mut at = 0;
        while let Some(state) = self.states.get(at) {
            let mut chosen = None;
            value = match &state.act {
                Act::Task(work) => state.task(cx, state.name.clone(), work, &value).await?,
                Act::Job(make) => {
                    let work = make(value.clone()).map(Work::Other);
                    let step = Step::new(cx, state.name.clone(), work);
                    state.set_up(step).await?
                }
                Act::Parallel(branches, false) => {
                    let results = cx.all(state.branches(cx, branches, &value)).await?;
                    object(branches, results)
                }
                Act::Parallel(branches, true) => {
                    let results = cx.all_settled(state.branches(cx, branches, &value)).await;
                    object(branches, results.into_iter().map(settled))
                }
                Act::Pass(change) => change(value),
                Act::Choice(choose) => {
                    chosen = Some(choose(&value));
                    value
                }
            };
            at = match (&state.next, chosen) {
                (_, Some(name)) => self.find(state, name)?,
                (Next::State(name), None) => self.find(state, name)?,
                (Next::Following, None) => at + 1,
                (Next::End, None) => break,
            };
        }
        Ok(value)
    }

    fn find(&self, from: &State<'a>, name: &str) -> Result<usize> {
        let found = self.states.iter().position(|state| state.name == name);
        match found {
            Some(found) => Ok(found),
            None => bail!(
                "the state `{}` leads to `{name}`, which is not there: write the name of a state",
                from.name
            ),
        }
    }

    fn check(&self) -> Result<()> {
        ensure!(
            !self.states.is_empty(),
            "the workflow has no states: add one, for example with `task`"
        );
        for (at, state) in self.states.iter().enumerate() {
            let is_first = self.find(state, &state.name)? == at;
            ensure!(
                is_first,
                "two states have the name `{}`: give each a name of its own",
                state.name
            );
            if let Some((set, of)) = state.misplaced() {
                bail!(
                    "`{set}` has no effect on the state `{}`: set it on a state that {of}",
                    state.name
                );
            }
            if let Next::State(name) = &state.next {
                self.find(state, name)?;
            }
        }
        Ok(())
    }
}

impl<'a> State<'a> {
    fn task<'b>(
        &'b self,
        cx: &'b Flow,
        name: String,
        work: &'b Task<'a>,
        value: &'b Value,
    ) -> Step<'b, Value> {
        self.set_up(cx.step(name, move || work(value.clone())))
    }

    fn branches<'b>(
        &'b self,
        cx: &'b Flow,
        branches: &'b [(String, Task<'a>)],
        value: &'b Value,
    ) -> Vec<Step<'b, Value>> {
        let step = |(name, work): &'b (String, Task<'a>)| {
            self.task(cx, format!("{}/{name}", self.name), work, value)
        };
        branches.iter().map(step).collect()
    }

    /// Gives a step what is set for the state.
    fn set_up<'b>(&'b self, mut step: Step<'b, Value>) -> Step<'b, Value> {
        if let Some(attempts) = self.attempts {
            step = step.attempts(attempts);
        }
        if let Some(timeout) = self.timeout {
            step = step.timeout(timeout);
        }
        match &self.undo {
            Some(undo) => step.undo(undo),
            None => step,
        }
    }

    /// What is set without a meaning, and what states it is for.
    fn misplaced(&self) -> Option<(&'static str, &'static str)> {
        if self.is_settled_alone {
            return Some(("settled", "has branches"));
        }
        if !matches!(self.act, Act::Pass(_) | Act::Choice(_)) {
            return None;
        }
        let set = [
            ("attempts", self.attempts.is_some()),
            ("timeout", self.timeout.is_some()),
            ("undo", self.undo.is_some()),
        ];
        let set = set.into_iter().find(|(_, is_set)| *is_set);
        set.map(|(name, _)| (name, "does work"))
    }
}

/// The results of branches by their names.
fn object(branches: &[(String, Task<'_>)], results: impl IntoIterator<Item = Value>) -> Value {
    let names = branches.iter().map(|(name, _)| name.clone());
    Value::Object(names.zip(results).collect::<Map<_, _>>())
}

fn settled(result: Result<Value>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    }
}

impl fmt::Debug for Definition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.states.iter().map(|state| &state.name);
        f.debug_list().entries(names).finish()
    }
}
