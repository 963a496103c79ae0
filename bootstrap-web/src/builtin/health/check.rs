//! The checks of an app: they run at the same time, each within a limit, and their results are kept for a while.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use bootstrap::{Current, Port, Ports};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// A check of what a plugin needs to do its work: a port, which any number of plugins provide.
///
/// [`Health`](crate::Health) runs the checks of all plugins when `/readyz` is requested. A check is named
/// after the plugin that provides it. One that returns an error, panics, or takes too long has failed. The text of the
/// error is logged; it is sent to clients only as [`Verbose`](crate::Verbose) permits.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::{HealthCheck, async_trait};
///
/// #[plugin(name = "disk", ports = [self as dyn HealthCheck])]
/// struct Disk {
///     #[option(default = "/tmp".into())]
///     folder: std::path::PathBuf,
/// }
///
/// impl Hooks for Disk {}
///
/// #[async_trait]
/// impl HealthCheck for Disk {
///     async fn check(&self) -> Result<()> {
///         std::fs::metadata(&self.folder)?;
///         Ok(())
///     }
/// }
///
/// # use bootstrap_web::prelude::*;
/// # use bootstrap_web::Health;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::new().with(Disk::default()).with(Health::default()).with(WebPlugin::default());
/// let running = app.boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// let response = web.handle(Request::get("/readyz").body(Body::empty())?).await;
/// assert_eq!(response.status(), 200);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[bootstrap::extend::async_trait]
pub trait HealthCheck: Send + Sync + 'static {
    /// Returns an error if the plugin can't do its work now.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if it takes longer than [`Health::check_timeout`](crate::Health::check_timeout),
    /// and when the app closes.
    async fn check(&self) -> bootstrap::Result<()>;
}

/// The result of one check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    pub(super) milliseconds: u64,
}

/// The checks of an app.
pub(super) struct Checks {
    named: Vec<(String, Arc<dyn HealthCheck>)>,
    app: Current,
    limit: Duration,
    keep: Duration,
    // Requests that come while checks run wait for their results.
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct Runs {
    last: Option<(Instant, Arc<[Outcome]>)>,
    /// One for each check; `None` before its first run.
    tasks: Vec<Option<Task>>,
}

impl Checks {
    pub(super) fn new(
        ports: &Ports<dyn HealthCheck>,
        app: Current,
        limit: Duration,
        keep: Duration,
    ) -> Self {
        let checks = ports.iter().filter_map(|(name, port)| {
            let check = Port::to_arc(port)?;
            Some((name.to_string(), check))
        });
        Self {
            named: checks.collect(),
            app,
            limit,
            keep,
            runs: Mutex::default(),
        }
    }

    /// The results, which are not older than `keep`.
    pub(super) async fn outcomes(&self) -> Arc<[Outcome]> {
        let mut runs = self.runs.lock().await;
        if let Some((at, outcomes)) = &runs.last
            && at.elapsed() < self.keep
        {
            return Arc::clone(outcomes);
        }
        runs.tasks.resize_with(self.named.len(), || None);
        let checks = self.named.iter().zip(&mut runs.tasks);
        let all = checks.map(|((name, check), task)| self.run(name, check, task));
        let outcomes: Arc<[Outcome]> = join_all(all).await.into();
        let before = runs.last.replace((Instant::now(), Arc::clone(&outcomes)));
        log_changes(before.as_ref().map(|(_, outcomes)| &**outcomes), &outcomes);
        outcomes
    }

    /// Runs a check in a task of its own: one that blocks its thread does not hold up the others, and is not
    /// started again before it ends.
    async fn run(
        &self,
        name: &str,
        check: &Arc<dyn HealthCheck>,
        task: &mut Option<Task>,
    ) -> Outcome {
        let began = Instant::now();
        if task.as_ref().is_none_or(|task| task.0.is_finished()) {
            let check = Arc::clone(check);
            *task = Some(Task(self.app.spawn(async move { check.check().await })));
        }
        let result = match task {
            Some(task) => self.result(task).await,
            None => Ok(()),
        };
        Outcome {
            name: name.to_owned(),
            ok: result.is_ok(),
            error: result.err().map(|error| format!("{error:#}")),
            milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    async fn result(&self, Task(task): &mut Task) -> anyhow::Result<()> {
        match timeout(self.limit, &mut *task).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) if error.is_panic() => Err(anyhow!("the check panicked")),
            Ok(Err(_)) => Err(anyhow!("the check was cancelled")),
            Err(_) => {
                task.abort();
                Err(anyhow!("no result within {:?}", self.limit))
            }
        }
    }
}

/// Logs checks that failed or recovered since the last run.
fn log_changes(before: Option<&[Outcome]>, now: &[Outcome]) {
    for (index, outcome) in now.iter().enumerate() {
        let was_ok = before.is_none_or(|before| before[index].ok);
        let Outcome {
            name, ok, error, ..
        } = outcome;
        match (was_ok, ok) {
            (true, false) => {
                let error = error.as_deref().unwrap_or_default();
                tracing::warn!(check = %name, "the health check `{name}` failed: {error}");
            }
            (false, true) => {
                tracing::info!(check = %name, "the health check `{name}` succeeds again");
            }
            _ => {}
        }
    }
}

/// A run of a check, which ends with what holds it.
struct Task(JoinHandle<bootstrap::Result<()>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
