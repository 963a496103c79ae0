//! What all of a process's workflows share, and the statements that move one from state to state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};
use bootstrap::Handle;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::database::times::{millis, time};
use crate::database::{Database, Tx};
use crate::jobs::{JobId, Jobs, LATEST, NewJob};
use crate::random;
use crate::workflows::info::{ACTIVE, UNDOING};
use crate::workflows::{FlowId, FlowState};

/// The attempts of the job that resumes a workflow. It fails only while the database does, and a process that dies is counted in the workflow.
const ENDLESS: u32 = 1_000_000;

/// The payload of the job that resumes a workflow.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Resume {
    pub(crate) flow: i64,
    /// `None`: in whatever epoch it is.
    epoch: Option<i64>,
}

/// A workflow in the database, for what writes to it: its number, and what its jobs are called.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Head {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: u16,
    pub(crate) traceparent: Option<String>,
}

/// A workflow that this job runs now.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Claimed {
    #[sqlx(flatten)]
    pub(crate) head: Head,
    pub(crate) state: i64,
    pub(crate) ending: Option<i64>,
    pub(crate) input: String,
    pub(crate) error: Option<String>,
    /// The number of this run.
    pub(crate) run: i64,
    pub(crate) crashes: i64,
    pub(crate) is_unwanted: bool,
    pub(crate) deadline: Option<i64>,
    pub(crate) parent: Option<i64>,
}

/// By which callers in this process reach a run.
#[derive(Clone, Default)]
pub(crate) struct Signs {
    /// It is to be cancelled.
    pub(crate) cancelled: CancellationToken,
    /// Something that it may wait for has happened.
    pub(crate) woken: watch::Sender<()>,
}

/// Which workflows run in this process, by number and job.
type Running = BTreeMap<(i64, String), Signs>;

fn of_flow(running: &Running, flow: i64) -> impl Iterator<Item = &Signs> {
    let of_flow = running.range((flow, String::new())..(flow + 1, String::new()));
    of_flow.map(|(_, signs)| signs)
}

pub(crate) struct Engine {
    pub(crate) database: Database,
    pub(crate) jobs: Jobs,
    pub(crate) clock: Clock,
    pub(crate) app: Handle,
    running: Arc<Mutex<Running>>,
    /// The workflows whose last run in this process ended with an error of the database.
    failed: Mutex<BTreeSet<i64>>,
    /// A workflow has ended in this process.
    pub(crate) ended: Notify,
    #[cfg(feature = "testing")]
    pub(crate) crashes: Mutex<BTreeSet<String>>,
}

impl Engine {
    pub(crate) fn new(database: Database, jobs: Jobs, clock: Clock, app: Handle) -> Self {
        Self {
            database,
            jobs,
            clock,
            app,
            running: Arc::default(),
            failed: Mutex::default(),
            ended: Notify::new(),
            #[cfg(feature = "testing")]
            crashes: Mutex::default(),
        }
    }

    /// The time of day, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        millis(self.clock.now())
    }

    pub(crate) fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn failed(&self) -> MutexGuard<'_, BTreeSet<i64>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the runs of a workflow in this process, once a transaction is committed.
    pub(crate) fn after_commit(
        &self,
        tx: &mut Tx,
        flow: i64,
        then: impl Fn(&Signs) + Send + 'static,
    ) {
        let running = Arc::clone(&self.running);
        tx.after_commit(move || {
            let running = running.lock().unwrap_or_else(PoisonError::into_inner);
            of_flow(&running, flow).for_each(then);
        });
    }

    /// Enqueues the job that resumes a workflow.
    pub(crate) async fn resume(
        &self,
        tx: &mut Tx,
        head: &Head,
        epoch: Option<i64>,
        at: i64,
    ) -> Result<JobId> {
        let flow = head.number;
        let payload = serde_json::to_string(&Resume { flow, epoch })?;
        let run_at = time(at).min(UNIX_EPOCH + LATEST);
        let job = NewJob {
            version: head.version,
            attempts: ENDLESS,
            crashes: ENDLESS,
            traceparent: head.traceparent.clone(),
            resumes: Some(head.id.clone()),
            ..NewJob::new(head.name.as_str(), payload, run_at)
        };
        Ok(self.jobs.push_in(tx, job).await?.into_id())
    }

    /// Makes a workflow look again at what it waits for. If it runs, it does so before it is suspended. Returns whether it had not ended.
    pub(crate) async fn wake(&self, tx: &mut Tx, flow: i64) -> Result<bool> {
        const WAKE: &str = "UPDATE _flows SET is_woken = 1, due_at = CASE WHEN job IS NULL THEN ?2 ELSE due_at END
            WHERE number = ?1 AND state < 2 RETURNING number, id, name, version, traceparent, epoch, job IS NULL AS is_suspended";
        #[derive(FromRow)]
        struct Woken {
            #[sqlx(flatten)]
            head: Head,
            epoch: i64,
            is_suspended: bool,
        }
        let now = self.now();
        let wake = sqlx::query_as(WAKE).bind(flow).bind(now);
        let woken: Option<Woken> = wake.fetch_optional(&mut **tx).await?;
        match &woken {
            Some(woken) if woken.is_suspended => {
                self.resume(tx, &woken.head, Some(woken.epoch), now).await?;
            }
            Some(_) => self.after_commit(tx, flow, |signs| {
                signs.woken.send_replace(());
            }),
            None => {}
        }
        Ok(woken.is_some())
    }

    /// Makes a job what runs a workflow: one that resumes its epoch, or that has done so before its process died.
    pub(crate) async fn claim(&self, resume: &Resume, job: &str) -> Result<Option<Claimed>> {
        const CLAIM: &str = "UPDATE _flows SET job = ?1, run = run + 1, crashes = crashes + ?5, is_woken = 0, due_at = ?2
            WHERE number = ?3 AND state < 2 AND (job = ?1 OR job IS NULL AND (?4 IS NULL OR epoch = ?4)) RETURNING *";
        let Resume { flow, epoch } = *resume;
        // A run that ended with an error of the database did not crash, and could not store that.
        let crashes = i64::from(!self.failed().contains(&flow));
        let now = self.now();
        let claimed = self
            .database
            .write(async |mut tx| -> Result<Option<Claimed>> {
                let claim = sqlx::query_as(CLAIM)
                    .bind(job)
                    .bind(now)
                    .bind(flow)
                    .bind(epoch)
                    .bind(crashes);
                let claimed: Option<Claimed> = claim.fetch_optional(&mut *tx).await?;
                if claimed.is_none() && epoch.is_none() {
                    self.wake(&mut tx, flow).await?;
                }
                Ok(claimed)
            });
        let claimed = claimed.await?;
        self.failed().remove(&flow);
        Ok(claimed)
    }

    /// Returns whether the workflow is to be cancelled, if this run may still write: it is the last one. Notes that it lives.
    pub(crate) async fn fence(
        &self,
        tx: &mut Tx,
        of: &Claimed,
        state: i64,
    ) -> Result<Option<bool>> {
        const FENCE: &str = "UPDATE _flows SET crashes = 1, due_at = ?
            WHERE number = ? AND run = ? AND state = ? RETURNING is_unwanted";
        let fence = sqlx::query_scalar(FENCE)
            .bind(self.now())
            .bind(of.head.number)
            .bind(of.run)
            .bind(state);
        Ok(fence.fetch_optional(&mut **tx).await?)
    }

    /// Suspends a workflow, until a time or until something wakes it. If something has since its run began, it goes on at once.
    pub(crate) async fn suspend(&self, of: &Claimed, state: i64, until: Option<i64>) -> Result<()> {
        const LOOK: &str = "SELECT is_woken = 1 OR is_unwanted = 1 AND state = 0 FROM _flows WHERE number = ? AND run = ? AND state = ?";
        const SUSPEND: &str =
            "UPDATE _flows SET job = NULL, epoch = epoch + 1, crashes = 0, is_woken = 0, due_at = ?
            WHERE number = ? RETURNING epoch";
        let number = of.head.number;
        let suspended = self.database.write(async |mut tx| -> Result<()> {
            let look = sqlx::query_scalar(LOOK)
                .bind(number)
                .bind(of.run)
                .bind(state);
            let until = match look.fetch_optional(&mut *tx).await? {
                None => return Ok(()),
                Some(true) => Some(self.now()),
                Some(false) => until,
            };
            let suspend = sqlx::query_scalar(SUSPEND).bind(until).bind(number);
            let epoch: i64 = suspend.fetch_one(&mut *tx).await?;
            if let Some(at) = until {
                self.resume(&mut tx, &of.head, Some(epoch), at).await?;
            }
            Ok(())
        });
        suspended.await.context("the workflow was not suspended")
    }

    /// Begins to undo an active workflow. Returns the state that follows, if this run still could: a cancellation comes first.
    pub(crate) async fn begin_undo(
        &self,
        of: &Claimed,
        ending: FlowState,
        (error, failed_step): (Option<&str>, Option<&str>),
    ) -> Result<Option<FlowState>> {
        const UNDO: &str =
            "UPDATE _flows SET state = 1, ending = CASE is_unwanted WHEN 1 THEN 4 ELSE ?1 END,
            error = CASE is_unwanted WHEN 1 THEN NULL ELSE ?2 END, failed_step = ?6, crashes = 1, due_at = ?3
            WHERE number = ?4 AND run = ?5 AND state = 0 RETURNING ending";
        let begun = self.database.write(async |mut tx| -> Result<Option<i64>> {
            let undo = sqlx::query_scalar(UNDO)
                .bind(ending.code())
                .bind(error)
                .bind(self.now());
            let undo = undo.bind(of.head.number).bind(of.run).bind(failed_step);
            Ok(undo.fetch_optional(&mut *tx).await?)
        });
        let begun = begun
            .await
            .context("the end of the workflow was not stored")?;
        Ok(begun.and_then(|code| FlowState::of(code, false)))
    }

    /// Ends a workflow, once. Returns whether this run still could: a workflow that is to be cancelled is not done.
    pub(crate) async fn end(
        &self,
        of: &Claimed,
        from: i64,
        to: FlowState,
        (result, error): (Option<&str>, Option<&str>),
    ) -> Result<bool> {
        const END: &str = "UPDATE _flows SET state = ?1, result = ?2, error = ?3, ended_at = ?4, job = NULL, epoch = epoch + 1, due_at = NULL
            WHERE number = ?5 AND run = ?6 AND state = ?7 AND (?1 <> 2 OR is_unwanted = 0)";
        const FORGET: &str = "DELETE FROM _flow_signals WHERE flow = ?";
        debug_assert!(from == ACTIVE || from == UNDOING, "it has not ended before");
        let number = of.head.number;
        let ended = self.database.write(async |mut tx| -> Result<bool> {
            let end = sqlx::query(END).bind(to.code()).bind(result).bind(error);
            let end = end.bind(self.now()).bind(number).bind(of.run).bind(from);
            if end.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(FORGET).bind(number).execute(&mut *tx).await?;
            if let Some(parent) = of.parent {
                self.wake(&mut tx, parent).await?;
            }
            Ok(true)
        });
        let ended = ended
            .await
            .context("the end of the workflow was not stored")?;
        self.ended.notify_waiters();
        Ok(ended)
    }

    /// Reports an error that concerns a workflow, as one of the plugin that runs it.
    pub(crate) fn report(&self, of: &Claimed, error: anyhow::Error) {
        let error = error.context(format!("the workflow {} failed", of.head.id));
        self.app.report_error(of.head.name.as_str(), error);
    }
}

/// A new random id: 32 hexadecimal digits.
pub(crate) fn random_id() -> FlowId {
    FlowId::new(format_args!(
        "{:016x}{:016x}",
        random::bits(),
        random::bits()
    ))
}
