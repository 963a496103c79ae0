//! The checks of an app: they run at the same time, each within a limit, and their results are kept for a while.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::base::log::log;
use crate::declare::{Current, Port, Ports};
use crate::health::check::HealthCheck;
use crate::report::chain;

/// The limit of a check that has none of its own.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long results are kept.
const CACHED_FOR: Duration = Duration::from_millis(500);

/// Runs the [`HealthCheck`]s of an app.
///
/// The checks run at the same time, each in a task of its own and for at most one second. Results are kept for half a
/// second, and callers that arrive while checks run share their results. So what [`outcomes`](Self::outcomes) returns
/// is at most 1.5 seconds old, and callers in a loop put no load on what is checked.
///
/// A check that blocks its thread has failed as well; it is not started again before it ends. The log has one line when
/// a check begins to fail, and one when it succeeds again.
///
/// # Examples
///
/// ```
/// use bootstrap::extend::async_trait;
/// use bootstrap::health::{HealthCheck, HealthChecks};
/// use bootstrap::prelude::*;
/// use bootstrap::Current;
///
/// #[plugin(name = "mailer", ports = [self as dyn HealthCheck])]
/// struct Mailer;
///
/// impl Hooks for Mailer {}
///
/// #[async_trait]
/// impl HealthCheck for Mailer {
///     async fn check(&self) -> Result<()> {
///         anyhow::bail!("no connection to the relay")
///     }
/// }
///
/// #[plugin]
/// struct Monitor {
///     checks: Ports<dyn HealthCheck>,
/// }
///
/// impl Hooks for Monitor {
///     async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
///         let checks = HealthChecks::new(&self.checks, Current::try_current()?);
///         let outcomes = checks.outcomes().await;
///         assert_eq!(outcomes[0].name, "mailer");
///         assert_eq!(outcomes[0].error.as_deref(), Some("no connection to the relay"));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().with(Mailer).with(Monitor::default()).boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct HealthChecks {
    checks: Vec<Check>,
    app: Current,
    check_timeout: Duration,
    cached_for: Duration,
    // Callers that come while checks run wait for their results.
    runs: Mutex<Runs>,
}

/// The result of one check.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CheckOutcome {
    /// The plugin that provides the check.
    pub name: String,
    /// Whether the check succeeded.
    pub ok: bool,
    /// Whether the app should get no requests while the check fails. Serialized only if it is `false`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Clone::clone"))]
    pub critical: bool,
    /// Why the check failed: the error with its sources, or that the check panicked or took too long.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

struct Check {
    name: String,
    port: Arc<dyn HealthCheck>,
    critical: bool,
    timeout: Option<Duration>,
}

#[derive(Default)]
struct Runs {
    last: Option<(Instant, Arc<[CheckOutcome]>)>,
    /// One for each check; `None` before its first run.
    tasks: Vec<Option<Task>>,
}

/// A run of a check, which ends with what holds it.
struct Task(JoinHandle<Result<()>>);

impl HealthChecks {
    /// Collects the checks of `ports`. They run at the place `app`: in a check, [`Current::current`] finds that app.
    pub fn new(ports: &Ports<dyn HealthCheck>, app: Current) -> Self {
        let checks = ports.iter().filter_map(|(name, port)| {
            let port = Port::to_arc(port)?;
            Some(Check {
                name: name.to_string(),
                critical: port.critical(),
                timeout: port.timeout(),
                port,
            })
        });
        Self {
            checks: checks.collect(),
            app,
            check_timeout: CHECK_TIMEOUT,
            cached_for: CACHED_FOR,
            runs: Mutex::default(),
        }
    }

    /// Sets the limit of checks that have none of their own. 1 second by default.
    pub fn check_timeout(mut self, limit: Duration) -> Self {
        self.check_timeout = limit;
        self
    }

    /// Sets how long results are kept. 500 milliseconds by default.
    pub fn cached_for(mut self, time: Duration) -> Self {
        self.cached_for = time;
        self
    }

    /// Returns the results of all checks, in the order of the ports: those of a run whose results are still kept, or of a new run.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Checks that were started go on, and the next caller gets their results.
    pub async fn outcomes(&self) -> Arc<[CheckOutcome]> {
        let mut runs = self.runs.lock().await;
        if let Some((at, outcomes)) = &runs.last
            && at.elapsed() < self.cached_for
        {
            return Arc::clone(outcomes);
        }
        runs.tasks.resize_with(self.checks.len(), || None);
        let checks = self.checks.iter().zip(&mut runs.tasks);
        let all = checks.map(|(check, task)| self.run(check, task));
        let outcomes: Arc<[CheckOutcome]> = join_all(all).await.into();
        let before = runs.last.replace((Instant::now(), Arc::clone(&outcomes)));
        log_changes(before.as_ref().map(|(_, outcomes)| &**outcomes), &outcomes);
        outcomes
    }

    /// Runs a check in a task of its own: one that blocks its thread does not hold up the others, and is not
    /// started again before it ends.
    async fn run(&self, check: &Check, task: &mut Option<Task>) -> CheckOutcome {
        let began = Instant::now();
        let limit = check.timeout.unwrap_or(self.check_timeout);
        let still_running = task.take().filter(|task| !task.0.is_finished());
        let task = task.insert(still_running.unwrap_or_else(|| self.spawn(check)));
        let result = task.result(limit).await;
        CheckOutcome {
            name: check.name.clone(),
            ok: result.is_ok(),
            critical: check.critical,
            error: result.err().map(|error| chain(&error).join(": ")),
            milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn spawn(&self, check: &Check) -> Task {
        let port = Arc::clone(&check.port);
        Task(self.app.spawn(async move { port.check().await }))
    }
}

impl Task {
    async fn result(&mut self, limit: Duration) -> Result<()> {
        match timeout(limit, &mut self.0).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) if error.is_panic() => Err(anyhow!("the check panicked")),
            Ok(Err(_)) => Err(anyhow!("the check was cancelled")),
            Err(_) => {
                self.0.abort();
                Err(anyhow!("no result within {limit:?}"))
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.checks.iter().map(|check| &check.name).collect();
        f.debug_struct("HealthChecks")
            .field("checks", &names)
            .field("check_timeout", &self.check_timeout)
            .field("cached_for", &self.cached_for)
            .finish_non_exhaustive()
    }
}

/// Polls all futures whenever one of them is woken: there are few checks.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        for (future, output) in &mut pending {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        let is_done = pending.iter().all(|(_, output)| output.is_some());
        if is_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    pending
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}

/// Logs checks that failed or recovered since the last run.
fn log_changes(before: Option<&[CheckOutcome]>, now: &[CheckOutcome]) {
    for (index, outcome) in now.iter().enumerate() {
        let was_ok = before.is_none_or(|before| before[index].ok);
        match (was_ok, outcome.ok) {
            (true, false) => log(|| log_failure(outcome)),
            (false, true) => log(|| {
                let name = outcome.name.as_str();
                tracing::info!(target: "bootstrap", check = name, "the health check `{name}` succeeds again");
            }),
            _ => {}
        }
    }
}

fn log_failure(outcome: &CheckOutcome) {
    let name = outcome.name.as_str();
    let error = outcome.error.as_deref().unwrap_or_default();
    let consequence = if outcome.critical {
        ""
    } else {
        ", which is not critical,"
    };
    tracing::warn!(target: "bootstrap", check = name, "the health check `{name}`{consequence} failed: {error}");
}
