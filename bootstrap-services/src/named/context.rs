//! What a factory may use.

use std::fmt;
use std::sync::Arc;

use bootstrap::error::LookupError;
use bootstrap::extend::Lookup;
use bootstrap::{Current, Handle};

use super::{ServiceError, Services};

/// What the factory of a service may use: the services that were created before it, and everything that plugins provide.
/// A cheap handle.
#[derive(Clone)]
pub struct ServiceContext {
    services: Services,
    app: Current,
}

impl ServiceContext {
    pub(super) fn new(services: Services, app: Current) -> Self {
        Self { services, app }
    }

    /// Returns a service that was created before this one; see [`Services::try_get`].
    ///
    /// # Errors
    ///
    /// As [`Services::try_get`]. A service that is defined later is [`ServiceError::NotStarted`].
    pub fn service<T: Send + Sync + 'static>(&self, name: &str) -> Result<Arc<T>, ServiceError> {
        self.services.try_get(name)
    }

    /// Returns the services of the app, to keep or to [`set`](Services::set) another one.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Returns a handle by the type that a field of a plugin would have, such as
    /// [`State<T>`](bootstrap::State), or `None` if [`try_get`](Self::try_get) returns an error.
    pub fn get<H: Lookup>(&self) -> Option<H> {
        self.app.get()
    }

    /// Returns a handle by the type that a field of a plugin would have, such as
    /// [`State<T>`](bootstrap::State).
    ///
    /// # Errors
    ///
    /// If no plugin of the app provides it, or several do.
    pub fn try_get<H: Lookup>(&self) -> Result<H, LookupError> {
        self.app.try_get()
    }

    /// Returns a handle to the app, to keep or to request a shutdown with.
    pub fn handle(&self) -> Handle {
        self.app.handle()
    }
}

impl fmt::Debug for ServiceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceContext").finish_non_exhaustive()
    }
}
