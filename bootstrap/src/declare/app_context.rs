//! What hooks that belong to no plugin may do.

use std::fmt;
use std::sync::Arc;

use crate::base::location::Location;
use crate::declare::context::Home;
use crate::declare::lookup::{LookupFrom, looks_up};
use crate::life::Handle;
use crate::report::{HookError, Report};

/// What the hooks of the app itself may use: [`App::on_loaded`](crate::App::on_loaded),
/// [`App::on_ready`](crate::App::on_ready), [`App::on_start`](crate::App::on_start),
/// [`App::on_close`](crate::App::on_close); and hooks that a plugin adds,
/// [`LoadContext::on_ready`](crate::LoadContext::on_ready) and
/// [`LoadContext::on_close`](crate::LoadContext::on_close). A cheap handle.
#[derive(Clone)]
pub struct AppContext {
    home: Arc<dyn Home>,
    /// The node that added the hook, unless it is one of the app.
    node: Option<u32>,
}

impl AppContext {
    pub(crate) fn new(home: Arc<dyn Home>, node: Option<u32>) -> Self {
        Self { home, node }
    }

    fn from(&self) -> LookupFrom<'_> {
        LookupFrom::new(&*self.home, self.node)
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home.life()))
    }

    /// Reports an error that this hook does not return: it is logged and reaches
    /// [`App::on_error`](crate::App::on_error), and nothing stops because of it.
    #[track_caller]
    pub fn report_error(&self, error: impl Into<anyhow::Error>) {
        let name = self
            .node
            .map_or_else(|| "app".into(), |node| self.home.name_of(node));
        let at = Location::caller();
        self.home.life().report_error(name, at, error.into());
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.handle().report()
    }
}

// Look-ups begin in the scope of the plugin that added the hook; in hooks of the app, outside of all scopes.
looks_up!(impl AppContext);

impl fmt::Debug for AppContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppContext").finish_non_exhaustive()
    }
}

/// What [`App::on_error`](crate::App::on_error) may use: the error, and the app around it.
#[derive(Clone)]
pub struct ErrorContext {
    home: Arc<dyn Home>,
    error: HookError,
}

impl ErrorContext {
    pub(crate) fn new(home: Arc<dyn Home>, error: HookError) -> Self {
        Self { home, error }
    }

    fn from(&self) -> LookupFrom<'_> {
        LookupFrom::new(&*self.home, None)
    }

    /// What went wrong, in which hook of which plugin.
    pub fn error(&self) -> &HookError {
        &self.error
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home.life()))
    }
}

looks_up!(impl ErrorContext);

impl fmt::Debug for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorContext")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
