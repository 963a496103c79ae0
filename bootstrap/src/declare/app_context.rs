//! What hooks that belong to no plugin may do.

use std::fmt;
use std::sync::Arc;

use crate::declare::context::Home;
use crate::declare::lookup::{port, serves, state};
use crate::declare::port::Port;
use crate::declare::state::State;
use crate::life::Handle;
use crate::report::{HookError, LookupError, Report};

/// What the hooks of the app itself may use: [`App::on_loaded`](crate::App::on_loaded),
/// [`App::on_ready`](crate::App::on_ready), [`App::on_start`](crate::App::on_start),
/// [`App::on_close`](crate::App::on_close); factories of services,
/// [`App::service`](crate::App::service); and hooks that a plugin adds,
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

    pub(crate) fn home(&self) -> &dyn Home {
        &*self.home
    }

    /// Any state of the app, by its type: as the plugin that added the hook sees it, from its scope
    /// outwards; in hooks of the app and factories of services, as it is seen outside of all scopes.
    ///
    /// # Errors
    ///
    /// If no plugin of the app provides it, several do, or its plugin has closed.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>, LookupError> {
        state(&*self.home, self.node)
    }

    /// What is provided at a port of the app, by its type; otherwise as [`state`](Self::state).
    ///
    /// # Errors
    ///
    /// As with [`state`](Self::state).
    pub fn port<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Port<T>, LookupError> {
        port(&*self.home, self.node)
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home.life()))
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.handle().report()
    }
}

serves!(impl AppContext);

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

    fn home(&self) -> &dyn Home {
        &*self.home
    }

    /// What went wrong, in which hook of which plugin.
    pub fn error(&self) -> &HookError {
        &self.error
    }

    /// Any state of the app, by its type.
    ///
    /// # Errors
    ///
    /// If no plugin of the app provides it, several do, or its plugin is not loaded.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>, LookupError> {
        state(&*self.home, None)
    }

    /// What is provided at a port of the app, by its type.
    ///
    /// # Errors
    ///
    /// As with [`state`](Self::state).
    pub fn port<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Port<T>, LookupError> {
        port(&*self.home, None)
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(self.home.life()))
    }
}

serves!(impl ErrorContext);

impl fmt::Debug for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorContext")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
