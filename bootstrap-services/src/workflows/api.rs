//! The state `Workflows`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result as Anyhow;
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::database::times::millis;
use crate::database::{Transaction, Tx};
use crate::workflows::engine::{Engine, Head, random_id};
use crate::workflows::journal::LONGEST_NAME;
use crate::workflows::pass::{decode, encode};
use crate::workflows::{
    FlowError, FlowFilter, FlowId, FlowInfo, FlowState, Started, StepInfo, Workflow, metrics, store,
};

/// The most bytes of an id that a caller chooses.
const LONGEST_ID: usize = 200;
/// The most signals that wait for one workflow.
const MOST_SIGNALS: i64 = 1_000;
/// How often [`Workflows::ended`] looks for what other processes have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Starts workflows, looks at them, and ends them: the state of [`WorkflowsPlugin`](crate::workflows::WorkflowsPlugin).
///
/// Clones are handles to the same workflows.
#[derive(Clone)]
pub struct Workflows(pub(crate) Arc<Engine>);

impl Workflows {
    /// Starts a workflow when it is awaited. It is on the disk then, and a worker of this process begins at once.
    ///
    /// # Errors
    ///
    /// See [`FlowError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the workflow may have been started or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::workflows::{FlowError, Workflow, Workflows};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct PlaceOrder { number: u64 }
    /// # impl Workflow for PlaceOrder { const NAME: &'static str = "place-order"; type Output = (); }
    /// async fn place(workflows: &Workflows, number: u64) -> Result<bool, FlowError> {
    ///     // With an id, a second start of the same order has no effect.
    ///     let order = workflows.start(PlaceOrder { number }).id(format!("order-{number}"));
    ///     Ok(order.await?.is_new())
    /// }
    /// ```
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an input is used up by the workflow"
    )]
    pub fn start<W: Workflow>(&self, input: W) -> Start<'_> {
        Start::new(self, None, &input)
    }

    /// Starts a workflow as part of a transaction, when it is awaited: it begins if, and only if, the transaction is committed.
    ///
    /// # Errors
    ///
    /// See [`FlowError`]. It is a [`FlowError::Engine`] if the transaction is one of another database.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the workflow may be part of the transaction or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyhow::Result;
    /// # use bootstrap_services::database::Database;
    /// # use bootstrap_services::workflows::{Workflow, Workflows};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct PlaceOrder { number: i64 }
    /// # impl Workflow for PlaceOrder { const NAME: &'static str = "place-order"; type Output = (); }
    /// async fn place(database: &Database, workflows: &Workflows, article: &str) -> Result<i64> {
    ///     database
    ///         .write(async |mut tx| {
    ///             let add = sqlx::query_scalar("INSERT INTO orders (article) VALUES (?) RETURNING id").bind(article);
    ///             let number = add.fetch_one(&mut *tx).await?;
    ///             workflows.start_in(&mut tx, PlaceOrder { number }).await?;
    ///             Ok(number)
    ///         })
    ///         .await
    /// }
    /// ```
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an input is used up by the workflow"
    )]
    pub fn start_in<'a, W: Workflow>(&'a self, tx: &'a mut dyn Transaction, input: W) -> Start<'a> {
        Start::new(self, Some(tx), &input)
    }

    /// Returns what has become of a workflow, if there is one with this id.
    ///
    /// # Errors
    ///
    /// [`FlowError::Engine`] if the database can't be reached.
    pub async fn status(&self, id: &FlowId) -> Result<Option<FlowInfo>, FlowError> {
        let found = self.0.status(id).await;
        found.map_err(failed(|| format!("look for the workflow {id}")))
    }

    /// Returns the result of a workflow that is done.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status), and [`FlowError::Unreadable`] if it is the result of another workflow.
    pub async fn result<W: Workflow>(&self, id: &FlowId) -> Result<Option<W::Output>, FlowError> {
        let result = store::result(self.0.database.read(), id).await;
        let result = result.map_err(failed(|| format!("look for the workflow {id}")))?;
        let what = || format!("the result of the workflow {id}");
        result.map(|text| decode(&text, what)).transpose()
    }

    /// Returns the steps of a workflow, in the order in which they have ended or begun to wait. Of a step whose first attempt runs, nothing is known.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn history(&self, id: &FlowId) -> Result<Vec<StepInfo>, FlowError> {
        let history = store::history(self.0.database.read(), id).await;
        history.map_err(failed(|| format!("read the steps of the workflow {id}")))
    }

    /// Returns the newest steps, the oldest of them first, each with the first characters of its result.
    #[cfg(feature = "web")]
    pub(crate) async fn newest(
        &self,
        id: &FlowId,
        most: u32,
        characters: u32,
    ) -> Result<Vec<(StepInfo, Option<String>)>, FlowError> {
        let newest = store::newest(self.0.database.read(), id, most, characters).await;
        newest.map_err(failed(|| format!("read the steps of the workflow {id}")))
    }

    /// Lists workflows, the newest first.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap_services::workflows::{FlowError, FlowFilter, FlowState, Workflows};
    /// async fn retry_orders(workflows: &Workflows) -> Result<(), FlowError> {
    ///     let failed = FlowFilter::new().name("place-order").state(FlowState::Failed);
    ///     for order in workflows.list(&failed).await? {
    ///         println!("{}: {:?}", order.id, order.error);
    ///         workflows.retry(&order.id).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn list(&self, filter: &FlowFilter) -> Result<Vec<FlowInfo>, FlowError> {
        let listed = store::list(self.0.database.read(), filter).await;
        listed.map_err(failed(|| "list the workflows".to_owned()))
    }

    /// Sends a signal, which is kept until the workflow waits for it. Returns whether there is a workflow with this id that has not ended.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status); an error if the value can't be written as JSON or is larger than 1 MiB, if the name is empty or too long, and if 1,000 signals wait for
    /// the workflow.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the signal may have been sent or not.
    pub async fn signal(
        &self,
        id: &FlowId,
        name: &str,
        value: &(impl Serialize + Sync),
    ) -> Result<bool, FlowError> {
        let value = signal_value(name, value)?;
        let engine = &self.0;
        let sent = engine.database.write(async |mut tx| -> Anyhow<bool> {
            engine.signal(&mut tx, id, name, &value).await
        });
        sent.await
            .map_err(failed(|| format!("send a signal to the workflow {id}")))
    }

    /// Sends a signal as part of a transaction. Returns whether there is a workflow with this id that has not ended.
    ///
    /// # Errors
    ///
    /// As [`signal`](Self::signal), and [`FlowError::Engine`] if the transaction is one of another database.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the signal may be part of the transaction or not.
    pub async fn signal_in(
        &self,
        tx: &mut dyn Transaction,
        id: &FlowId,
        name: &str,
        value: &(impl Serialize + Sync),
    ) -> Result<bool, FlowError> {
        let value = signal_value(name, value)?;
        let doing = || format!("send a signal to the workflow {id}");
        let joined = self.0.database.join(tx);
        let tx = joined.map_err(|error| failed(doing)(error.into()))?;
        self.0
            .signal(tx, id, name, &value)
            .await
            .map_err(failed(doing))
    }

    /// Cancels a workflow: what it has done is undone, the last step first. Returns whether the workflow is, or will be, cancelled: `false` if it has ended, or is undone
    /// for another reason.
    ///
    /// A step that runs ends first, within its own timeout, in whatever process that is. If it succeeds, it is undone as well; if it fails, it is not attempted
    /// again. No other step begins. The jobs and workflows that it waits for are cancelled, and nothing is undone before they have ended.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the workflow may have been cancelled or not.
    pub async fn cancel(&self, id: &FlowId) -> Result<bool, FlowError> {
        let cancelled = self.0.cancel(id).await;
        cancelled.map_err(failed(|| format!("cancel the workflow {id}")))
    }

    /// Cancels a workflow as part of a transaction: it is cancelled if, and only if, the transaction is committed. Otherwise as [`cancel`](Self::cancel).
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status), and [`FlowError::Engine`] if the transaction is one of another database.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the cancellation may be part of the transaction or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyhow::Result;
    /// # use bootstrap_services::database::Database;
    /// # use bootstrap_services::workflows::{FlowId, Workflows};
    /// async fn cancel(database: &Database, workflows: &Workflows, order: i64) -> Result<bool> {
    ///     database
    ///         .write(async |mut tx| {
    ///             let id = FlowId::new(format_args!("order-{order}"));
    ///             if !workflows.cancel_in(&mut tx, &id).await? {
    ///                 return Ok(false);
    ///             }
    ///             let set = sqlx::query("UPDATE orders SET status = 'cancelled' WHERE id = ?").bind(order);
    ///             set.execute(&mut *tx).await?;
    ///             Ok(true)
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn cancel_in(
        &self,
        tx: &mut dyn Transaction,
        id: &FlowId,
    ) -> Result<bool, FlowError> {
        let doing = || format!("cancel the workflow {id}");
        let joined = self.0.database.join(tx);
        let tx = joined.map_err(|error| failed(doing)(error.into()))?;
        self.0.cancel_in(tx, id).await.map_err(failed(doing))
    }

    /// Resumes a workflow that failed or timed out, at the step whose error ended it. Steps that were undone, and jobs and workflows that were cancelled, are done again. The
    /// time limit of the whole workflow begins anew. Returns whether it was such a workflow.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the workflow may go on or not.
    pub async fn retry(&self, id: &FlowId) -> Result<bool, FlowError> {
        let engine = &self.0;
        let retried = engine.database.write(async |mut tx| -> Anyhow<bool> {
            let now = engine.now();
            let Some((head, epoch)) = store::retry(&mut tx, id, now).await? else {
                return Ok(false);
            };
            engine.resume(&mut tx, &head, Some(epoch), now).await?;
            Ok(true)
        });
        retried
            .await
            .map_err(failed(|| format!("retry the workflow {id}")))
    }

    /// Removes the workflows that ended in this state longer ago than that, and returns how many. Nothing is removed in a state in which a workflow has not
    /// ended.
    ///
    /// Workflows that are done or cancelled are removed by themselves after `workflows.keep`, others only by this.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn purge(&self, state: FlowState, older_than: Duration) -> Result<u64, FlowError> {
        let purged = self.0.purge(state, older_than).await;
        purged.map_err(failed(|| format!("purge workflows that are {state}")))
    }

    /// Waits until a workflow has ended, and returns it; `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    ///
    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub async fn ended(&self, id: &FlowId) -> Result<Option<FlowInfo>, FlowError> {
        loop {
            let mut ended = std::pin::pin!(self.0.ended.notified());
            // Before it looks, so that no end is missed.
            ended.as_mut().enable();
            let found = self.status(id).await?;
            if found.as_ref().is_none_or(|flow| flow.state.has_ended()) {
                return Ok(found);
            }
            tokio::select! {
                () = ended => {}
                () = self.0.clock.sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

impl fmt::Debug for Workflows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workflows").finish_non_exhaustive()
    }
}

/// An error, and what was attempted; the errors of the caller are returned as they are.
fn failed(doing: impl FnOnce() -> String) -> impl FnOnce(anyhow::Error) -> FlowError {
    |error| match error.downcast() {
        Ok(error) => error,
        Err(source) => FlowError::Engine {
            doing: doing(),
            source,
        },
    }
}

fn signal_value(name: &str, value: &impl Serialize) -> Result<String, FlowError> {
    let bytes = name.len();
    if !(1..=LONGEST_NAME).contains(&bytes) {
        let workflow = "that is to be signalled".to_owned();
        return Err(FlowError::InvalidName { workflow, bytes });
    }
    encode(value, || format!("the value of the signal `{name}`"))
}

/// A workflow to be stored.
pub(crate) struct New {
    pub(crate) name: &'static str,
    pub(crate) version: u16,
    pub(crate) input: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) parent: Option<i64>,
    pub(crate) traceparent: Option<String>,
}

impl New {
    pub(crate) fn of<W: Workflow>(input: String) -> Self {
        Self {
            name: W::NAME,
            version: W::VERSION,
            input,
            timeout: W::policy().timeout,
            parent: None,
            traceparent: crate::jobs::traceparent(),
        }
    }
}

/// A workflow that is started when this is awaited.
#[must_use = "nothing is started until this is awaited"]
pub struct Start<'a> {
    workflows: &'a Workflows,
    tx: Option<&'a mut dyn Transaction>,
    new: Result<New, FlowError>,
    id: Option<String>,
}

impl<'a> Start<'a> {
    fn new<W: Workflow>(
        workflows: &'a Workflows,
        tx: Option<&'a mut dyn Transaction>,
        input: &W,
    ) -> Self {
        let input = encode(input, || format!("the input of the workflow `{}`", W::NAME));
        Self {
            workflows,
            tx,
            new: input.map(New::of::<W>),
            id: None,
        }
    }

    /// The id of the workflow, 1 to 200 bytes. If the same workflow was started with this id before, nothing is started, whether or not that has ended.
    pub fn id(mut self, id: impl fmt::Display) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// The trace that the workflow belongs to, as the header `traceparent` has it. Without this, one that a handler of jobs starts is in the trace of its job, and with the
    /// feature `web`, one that a request starts is in the trace of the request.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        if let Ok(new) = &mut self.new {
            new.traceparent = Some(traceparent.into());
        }
        self
    }

    async fn run(self) -> Result<Started, FlowError> {
        let new = self.new?;
        let bytes = self.id.as_ref().map_or(LONGEST_ID, String::len);
        if !(1..=LONGEST_ID).contains(&bytes) {
            return Err(FlowError::InvalidId { bytes });
        }
        let id = self.id.map_or_else(random_id, FlowId::new);
        let engine = &self.workflows.0;
        let doing = || format!("start the workflow `{}`", new.name);
        let started = if let Some(tx) = self.tx {
            let joined = engine.database.join(tx);
            let tx = joined.map_err(|error| failed(doing)(error.into()))?;
            engine.start(tx, &id, &new).await
        } else {
            let write = engine.database.write(async |mut tx| -> Anyhow<Started> {
                engine.start(&mut tx, &id, &new).await
            });
            write.await
        };
        started.map_err(failed(doing))
    }
}

impl<'a> IntoFuture for Start<'a> {
    type Output = Result<Started, FlowError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) async fn status(&self, id: &FlowId) -> Anyhow<Option<FlowInfo>> {
        store::find(self.database.read(), id).await
    }

    /// Stores a workflow, and enqueues the job that begins it.
    pub(crate) async fn start(&self, tx: &mut Tx, id: &FlowId, new: &New) -> Anyhow<Started> {
        let now = self.now();
        let Some(number) = store::insert(tx, id, new, now).await? else {
            let (other, parent) = store::name(tx, id).await?;
            if other == new.name && (new.parent.is_none() || parent == new.parent) {
                return Ok(Started::Already(id.clone()));
            }
            let (id, name) = (id.to_string(), new.name);
            return Err(FlowError::IdTaken { id, name, other }.into());
        };
        let head = Head {
            number,
            id: id.to_string(),
            name: new.name.to_owned(),
            version: new.version,
            traceparent: new.traceparent.clone(),
        };
        self.resume(tx, &head, Some(0), now).await?;
        let name = new.name;
        tx.after_commit(move || metrics::started(name));
        Ok(Started::New(id.clone()))
    }

    async fn signal(&self, tx: &mut Tx, id: &FlowId, name: &str, value: &str) -> Anyhow<bool> {
        let Some((flow, kept)) = store::signals(tx, id).await? else {
            return Ok(false);
        };
        if kept >= MOST_SIGNALS {
            return Err(FlowError::TooManySignals { id: id.to_string() }.into());
        }
        if store::signal(tx, flow, name, value).await? {
            self.wake(tx, flow).await?;
        }
        Ok(true)
    }

    pub(crate) async fn cancel(&self, id: &FlowId) -> Anyhow<bool> {
        let cancelled = self
            .database
            .write(async |mut tx| self.cancel_in(&mut tx, id).await);
        cancelled.await
    }

    async fn cancel_in(&self, tx: &mut Tx, id: &FlowId) -> Anyhow<bool> {
        let Some(flow) = store::cancel(tx, id).await? else {
            return Ok(false);
        };
        self.wake(tx, flow).await?;
        self.after_commit(tx, flow, |signs| signs.cancelled.cancel());
        Ok(true)
    }

    pub(crate) async fn purge(&self, state: FlowState, older_than: Duration) -> Anyhow<u64> {
        /// So that other writers get their turn.
        const AT_ONCE: u64 = 200;
        if !state.has_ended() {
            return Ok(0);
        }
        let before = self.clock.now().checked_sub(older_than);
        let before = before.map(millis).unwrap_or_default();
        let mut purged = 0;
        loop {
            let deleted = self
                .database
                .write(async |mut tx| store::purge(&mut tx, state, before, AT_ONCE).await);
            let deleted = deleted.await?;
            purged += deleted;
            if deleted < AT_ONCE {
                return Ok(purged);
            }
        }
    }
}
