//! Closures of the user that run once: hooks of the app, and what a plugin leaves to be done when
//! it closes.

use std::future::Future;
use std::pin::Pin;

use anyhow::Result;

use crate::base::location::Location;
use crate::base::panic;
use crate::declare::app_context::AppContext;

pub(crate) type HookFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A closure, and where it was given.
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

    pub(crate) fn at(&self) -> Location {
        self.at
    }

    /// Runs the user's code.
    pub(crate) fn call(self, cx: AppContext) -> HookFuture {
        (self.call)(cx)
    }

    /// Lets go of a hook that will not run: what it holds is the user's, and its drop may panic.
    pub(crate) fn discard(self) {
        let _ = panic::guard(|| drop(self));
    }
}
