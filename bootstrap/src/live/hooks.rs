//! The hooks of the app itself: closures that run one after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, timeout_at};

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::base::panic;
use crate::base::phase::Phase;
use crate::declare::{AppContext, Home};
use crate::live::nodes::Nodes;
use crate::report::{Cause, PluginError};

type HookFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A closure that was given to `on_start` or `on_close`, and where.
pub(crate) struct AppHook {
    call: Box<dyn FnOnce(AppContext) -> HookFuture + Send>,
    at: Location,
}

impl AppHook {
    pub(crate) fn new<F, Fut>(hook: F, at: Location) -> Self
    where
        F: FnOnce(AppContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            call: Box::new(move |cx| Box::pin(hook(cx))),
            at,
        }
    }

    /// Runs the hook as a task of its own, so that one that blocks its thread can be left behind.
    ///
    /// # Errors
    ///
    /// If it fails, panics, or is not done after `limit` or at `until`.
    pub(crate) async fn run(
        self,
        nodes: &Arc<Nodes>,
        phase: Phase,
        limit: Option<Duration>,
        until: Option<Instant>,
    ) -> Result<(), PluginError> {
        let Self { call, at } = self;
        let began = Instant::now();
        let limit = shorter(
            limit,
            until.map(|until| until.saturating_duration_since(began)),
        );
        let cx = AppContext::new(Arc::clone(nodes) as Arc<dyn Home>);
        let mut task = tokio::spawn(async move { call(cx).await });
        let cause = match ended(&mut task, limit.map(|limit| began + limit)).await {
            Some(Ok(())) => return Ok(()),
            Some(Err(cause)) => cause,
            None => {
                task.abort();
                let grace = Instant::now() + crate::drive::GRACE;
                match (ended(&mut task, Some(grace)).await, limit) {
                    (None, _) | (_, None) => Cause::Abandoned {
                        after: began.elapsed(),
                    },
                    (Some(_), Some(limit)) => Cause::TimedOut { limit },
                }
            }
        };
        Err(PluginError::new(PluginName::from("app"), at, phase, cause))
    }
}

fn shorter(left: Option<Duration>, right: Option<Duration>) -> Option<Duration> {
    left.into_iter().chain(right).min()
}

/// How the task ended; `None` if it has not by then.
async fn ended(
    task: &mut tokio::task::JoinHandle<Result<()>>,
    until: Option<Instant>,
) -> Option<Result<(), Cause>> {
    let joined = match until {
        Some(until) => timeout_at(until, task).await.ok()?,
        None => task.await,
    };
    Some(match joined {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Cause::Error(error)),
        Err(error) => Err(match error.try_into_panic() {
            Ok(payload) => Cause::Panic(panic::message(payload)),
            Err(_) => Cause::Cancelled,
        }),
    })
}
