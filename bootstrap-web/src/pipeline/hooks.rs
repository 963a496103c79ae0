//! The hooks that were written in front of a route: its snapshot.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::MethodRouter;

use crate::handle::{AnyAfter, AnyBefore, AnyError};

/// A layer, for any routes.
pub(crate) type Wrap = Arc<dyn Fn(MethodRouter) -> MethodRouter + Send + Sync>;

/// Hooks of one position, each with the name of its function, and the layers and limits there.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) before: Vec<Labelled<dyn AnyBefore>>,
    pub(crate) after: Vec<Labelled<dyn AnyAfter>>,
    pub(crate) error: Vec<Labelled<dyn AnyError>>,
    pub(crate) body_limit: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    /// The outermost first.
    pub(crate) layers: Vec<Wrap>,
}

/// A hook and the name of its function.
pub(crate) struct Labelled<H: ?Sized> {
    pub(crate) name: Arc<str>,
    pub(crate) hook: Arc<H>,
}

impl<H: ?Sized> Clone for Labelled<H> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            hook: Arc::clone(&self.hook),
        }
    }
}

impl Hooks {
    /// These hooks, and behind them `inner`, whose limits win.
    pub(crate) fn around(&self, inner: &Self) -> Self {
        let mut all = self.clone();
        all.before.extend(inner.before.iter().cloned());
        all.after.extend(inner.after.iter().cloned());
        all.error.extend(inner.error.iter().cloned());
        all.body_limit = inner.body_limit.or(self.body_limit);
        all.timeout = inner.timeout.or(self.timeout);
        all.layers.extend(inner.layers.iter().cloned());
        all
    }

    /// Puts routes into the layers.
    pub(crate) fn wrap(&self, routes: MethodRouter) -> MethodRouter {
        let inwards = self.layers.iter().rev();
        inwards.fold(routes, |routes, wrap| wrap(routes))
    }

    /// `before_handle authenticate`, in the order in which they run.
    pub(crate) fn names(&self) -> Vec<String> {
        let before = self.before.iter().map(|it| ("before_handle", &it.name));
        let after = self.after.iter().map(|it| ("before_response", &it.name));
        let error = self.error.iter().map(|it| ("on_error", &it.name));
        let all = before.chain(after).chain(error);
        all.map(|(kind, name)| format!("{kind} {name}")).collect()
    }
}
