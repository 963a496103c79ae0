//! The listeners that receive every error.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::base::inside::at_place;
use crate::base::panic::guard_future;
use crate::base::task::spawn_apart;
use crate::base::text;
use crate::base::tracker::Tracker;
use crate::declare::{Around, ErrorContext, Home, TaskFuture};
use crate::report::HookError;

type Listener = Arc<dyn Fn(ErrorContext) -> TaskFuture + Send + Sync>;

/// The `on_error` hooks of an app, and what they are doing.
#[derive(Clone, Default)]
pub(crate) struct Listeners {
    all: Vec<Listener>,
    busy: Tracker,
    /// How long each may take.
    limit: Duration,
}

impl Listeners {
    pub(crate) fn add<F, Fut>(&mut self, listener: F)
    where
        F: Fn(ErrorContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.all
            .push(Arc::new(move |cx| Box::pin(listener(cx)) as TaskFuture));
    }

    pub(crate) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Calls every listener, each in a task of its own: none can hold anything up.
    pub(super) fn tell(&self, home: &Arc<dyn Home>, error: &HookError) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        for listener in &self.all {
            let cx = ErrorContext::new(Arc::clone(home), error.clone());
            let (listener, limit) = (Arc::clone(listener), self.limit);
            let place = Around::app(Arc::clone(home));
            let call = async move {
                let called = guard_future(async { timeout(limit, listener(cx)).await }).await;
                let trouble = match called {
                    Ok(Ok(Ok(()))) => return,
                    Ok(Ok(Err(error))) => format!("{error:#}"),
                    Ok(Err(_)) => "it took too long".to_owned(),
                    Err(message) => format!("it panicked: {message}"),
                };
                let trouble = text::line(&trouble);
                tracing::error!(target: "bootstrap", "an `on_error` hook failed: {trouble}");
            };
            spawn_apart(&runtime, self.busy.track(at_place(place, call)));
        }
    }

    /// Waits until they are done, but not for long.
    pub(super) async fn all_told(&self, patience: Duration) {
        // A listener that has not finished by then is not waited for: it only repeats what is known.
        let _ = timeout(patience, self.busy.all_ended()).await;
    }
}
