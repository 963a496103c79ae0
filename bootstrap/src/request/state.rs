//! `RequestState<T>`: a value of whatever request is around.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::base::inside;
use crate::report::{LookupError, LookupFailure, SetError};
use crate::request::scope::{Inner, RequestScope, name_of};

/// Where code finds the `T` of the request that it runs for: a constant, that holds nothing itself.
///
/// The value is in the [`RequestScope`](crate::RequestScope) that the code has entered, so requests
/// that run at the same time never see each other's. Reading one is an answer also where no scope is
/// entered: `None`, or an error that says so.
///
/// Values are found by their types: two `RequestState<User>` mean the same value, whatever they are
/// called. Wrap a type of which there are several: `struct RequestId(u64)`.
///
/// # Examples
///
/// ```
/// use bootstrap::RequestState;
///
/// struct User(&'static str);
///
/// // The name is for messages; without one it is that of the type.
/// static USER: RequestState<User> = RequestState::named("current user");
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// assert!(USER.get().is_none());
/// let error = USER.try_get().err().unwrap().to_string();
/// assert!(error.starts_with("the request state `current user` is not initialized: no request"));
/// let error = USER.set(User("ada")).err().unwrap().to_string();
/// assert!(error.starts_with("Cannot set value for state `current user`: no request scope"));
///
/// let running = bootstrap::App::new().boot().await?;
/// let handle = async || {
///     USER.set(User("ada"))?;
///     assert_eq!(USER.try_get()?.0, "ada");
///     bootstrap::Result::<()>::Ok(())
/// };
/// running.request_scope().enter(handle()).await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct RequestState<T> {
    name: Option<&'static str>,
    of: PhantomData<fn() -> T>,
}

// The bounds are on the methods: on the `impl` they would be reported a second time for each call,
// with an excerpt of the standard library.
impl<T: 'static> RequestState<T> {
    /// The value of this type, which messages call as the type is called.
    pub const fn new() -> Self
    where
        T: Send + Sync,
    {
        let (name, of) = (None, PhantomData);
        Self { name, of }
    }

    /// The value of this type, which messages call `name`.
    pub const fn named(name: &'static str) -> Self
    where
        T: Send + Sync,
    {
        let (name, of) = (Some(name), PhantomData);
        Self { name, of }
    }

    /// What messages call it.
    pub fn name(&self) -> Cow<'static, str> {
        self.name.map_or_else(name_of::<T>, Cow::Borrowed)
    }

    /// Looks at the scope that the caller has entered.
    fn look<R>(look: impl FnOnce(&Inner) -> R) -> Option<R> {
        let seen = inside::look(|place| Some(look(place.scope()?.inner().downcast_ref()?)));
        seen.flatten()
    }

    /// The value of the request around, if there is one.
    pub fn get(&self) -> Option<Arc<T>>
    where
        T: Send + Sync,
    {
        Self::look(Inner::get)?
    }

    /// The value of the request around.
    ///
    /// # Errors
    ///
    /// If no scope is entered here, nothing has set the value, or the scope has ended.
    pub fn try_get(&self) -> Result<Arc<T>, LookupError>
    where
        T: Send + Sync,
    {
        let found = Self::look(|scope| scope.try_get(|| self.name()));
        found.unwrap_or_else(|| Err(LookupError::request(self.name(), LookupFailure::NoRequest)))
    }

    /// Sets the value of the request around, and returns the one that it replaces in that scope.
    ///
    /// # Errors
    ///
    /// If no scope is entered here, or it has ended. The value is dropped then.
    pub fn set(&self, value: T) -> Result<Option<Arc<T>>, SetError>
    where
        T: Send + Sync,
    {
        match RequestScope::current() {
            Some(scope) => scope.inner().set(value, || self.name()),
            None => Err(SetError::NoRequest { state: self.name() }),
        }
    }

    /// The value of the request around; if there is none, one that is made now, and set. If several
    /// make one at a time, the first one stays, and is what all get.
    ///
    /// # Errors
    ///
    /// If no scope is entered here, or it has ended.
    pub fn get_or_insert_with(&self, make: impl FnOnce() -> T) -> Result<Arc<T>, SetError>
    where
        T: Send + Sync,
    {
        match RequestScope::current() {
            Some(scope) => scope.inner().get_or_insert_with(make, || self.name()),
            None => Err(SetError::NoRequest { state: self.name() }),
        }
    }

    /// Takes the value out of the innermost scope around, if that has one.
    pub fn take(&self) -> Option<Arc<T>>
    where
        T: Send + Sync,
    {
        Self::look(Inner::take)?
    }
}

impl<T: Send + Sync + 'static> Default for RequestState<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for RequestState<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for RequestState<T> {}

/// What messages call it, and not the value.
impl<T: Send + Sync + 'static> fmt::Debug for RequestState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestState({})", self.name())
    }
}
