//! Workflows that are written as a list of states.

use std::fmt;

use anyhow::{Result, bail, ensure};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::workflows::Flow;

type Task<'a> = Box<dyn Fn(Value) -> BoxFuture<'a, Result<Value>> + Send + Sync + 'a>;

/// A workflow as a list of named states: each gets what the previous one has returned, as JSON. [`run`](Self::run) goes through them by the steps of a
/// [`Flow`], so everything holds that holds for those.
///
/// A state is followed by the next one in the list, except after [`then`](Self::then) and [`end`](Self::end).
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
    next: Next,
}

enum Act<'a> {
    Task(Task<'a>),
    /// Each has a name of its own.
    Parallel(Vec<(String, Task<'a>)>),
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

    /// Steps that run at the same time: one for each branch, which gets its value and what the state gets. It returns an object with
    /// the result of each branch. The first error fails the state. A branch is the step `<state>/<branch>`.
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
        self.add(name, Act::Parallel(branches))
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

    /// The state that follows the last one that was added.
    pub fn then(self, next: impl Into<String>) -> Self {
        self.set_next(Next::State(next.into()))
    }

    /// Ends the workflow after the last state that was added. Its result is that of the workflow.
    pub fn end(self) -> Self {
        self.set_next(Next::End)
    }

    fn add(mut self, name: impl Into<String>, act: Act<'a>) -> Self {
        self.states.push(State {
            name: name.into(),
            act,
            next: Next::Following,
        });
        self
    }

    fn set_next(mut self, next: Next) -> Self {
        if let Some(last) = self.states.last_mut() {
            last.next = next;
        }
        self
    }

    /// Goes through the states, from the first one. Returns what the last one returned.
    ///
    /// # Errors
    ///
    /// The error of a state; an error if the list is empty, if two states have one name, or if a state leads to one that is not there.
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
                Act::Task(work) => cx.step(&state.name, || work(value.clone())).await?,
                Act::Parallel(branches) => self.all(cx, state, branches, &value).await?,
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

    async fn all(
        &self,
        cx: &Flow,
        state: &State<'a>,
        branches: &[(String, Task<'a>)],
        value: &Value,
    ) -> Result<Value> {
        let steps = branches.iter().map(|(name, work)| {
            let step = format!("{}/{name}", state.name);
            cx.step(step, || work(value.clone()))
        });
        let results = cx.all(steps.collect::<Vec<_>>()).await?;
        let names = branches.iter().map(|(name, _)| name.clone());
        Ok(Value::Object(names.zip(results).collect::<Map<_, _>>()))
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
            if let Next::State(name) = &state.next {
                self.find(state, name)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Definition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.states.iter().map(|state| &state.name);
        f.debug_list().entries(names).finish()
    }
}
