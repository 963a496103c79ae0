//! `RequestScope`: what one request holds.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use crate::base::inside::{self, Place, Scope, What, Within};
use crate::base::key::StateKey;
use crate::declare::{Current, StateValue};
use crate::report::{LookupError, LookupFailure, SetError};
use crate::request::values::{Ended, Values};

/// The values of one request, one job, one message: isolated from those of all others, and there
/// for all code that the request runs.
///
/// [`Running::request_scope`](crate::Running::request_scope) opens one, or
/// [`Current::request_scope`]. Values are set and found by their types, one of each: through the
/// scope, or, wherever a future runs that has entered it, through a [`RequestState`]. What is
/// entered is inside of the app as well: [`Current::current`] finds it, and [`RequestScope::app`] reads
/// its states.
///
/// A scope is a cheap handle. It follows what is awaited, and not what is spawned:
/// [`RequestScope::spawn`] takes it over on purpose, and so does a clone of it that is entered again.
///
/// A scope that is opened within another one sees the values of that one, unless it has its own of
/// the same type; what it sets and takes is its own.
///
/// # When it ends
///
/// Once its last handle is gone, and the last future that has entered it, or with
/// [`RequestScope::end`]. Then its values are dropped and its clean-ups run, in one row, the last
/// one first; values that are still held elsewhere live on. A value that holds its own scope keeps
/// that from ending by itself.
///
/// A scope may outlive its app. Its own values stay then, and states of the app are errors.
///
/// [`RequestState`]: crate::RequestState
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::RequestState;
///
/// struct User(String);
///
/// static USER: RequestState<User> = RequestState::new();
///
/// // Far away, and for any request.
/// async fn greet() -> Result<String> {
///     tokio::task::yield_now().await;
///     Ok(format!("hello, {}", USER.try_get()?.0))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().boot().await?;
/// let (one, other) = (running.request_scope(), running.request_scope());
/// one.set(User("ada".into()))?;
/// other.set(User("grace".into()))?;
/// let (one, other) = tokio::join!(one.enter(greet()), other.enter(greet()));
/// assert_eq!((one?, other?), ("hello, ada".into(), "hello, grace".into()));
/// assert!(greet().await.is_err());
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RequestScope {
    scope: Arc<dyn Scope>,
}

/// A scope, and what it was opened with.
struct Opened<C> {
    inner: Inner,
    content: C,
}

impl<C: Send + Sync + 'static> Scope for Opened<C> {
    fn around(&self) -> &(dyn Any + Send + Sync) {
        self.inner.current.around()
    }

    fn around_shared(&self) -> Arc<dyn Any + Send + Sync> {
        self.inner.current.around_shared()
    }

    fn inner(&self) -> &(dyn Any + Send + Sync) {
        &self.inner
    }

    fn content(&self) -> &(dyn Any + Send + Sync) {
        &self.content
    }
}

/// What every scope has.
pub(super) struct Inner {
    /// End first: they are the user's, and may look around.
    values: Values,
    /// Where it was opened, outside of it.
    current: Current,
}

impl Inner {
    fn outer(&self) -> Option<&Self> {
        self.current.scope()?.inner().downcast_ref()
    }

    /// The value of this scope, or of the nearest around it that has one and has not ended.
    fn find<T: Send + Sync + 'static>(&self) -> Result<Option<Arc<T>>, Ended> {
        if let Some(value) = self.values.get()? {
            return Ok(Some(value));
        }
        let mut outer = std::iter::successors(self.outer(), |scope| scope.outer());
        Ok(outer.find_map(|scope| scope.values.get().ok().flatten()))
    }

    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.find().ok().flatten()
    }

    pub(super) fn try_get<T: Send + Sync + 'static>(
        &self,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Result<Arc<T>, LookupError> {
        match self.find() {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(LookupError::request(name(), LookupFailure::NotSet)),
            Err(Ended) => Err(LookupError::request(name(), LookupFailure::RequestEnded)),
        }
    }

    pub(super) fn set<T: Send + Sync + 'static>(
        &self,
        value: T,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Result<Option<Arc<T>>, SetError> {
        let before = self.values.set(StateValue::new(value));
        let before = before.map_err(|_| SetError::RequestEnded { state: name() })?;
        Ok(before.and_then(|it| it.get()))
    }

    pub(super) fn take<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.values.take(StateKey::of::<T>())?.get()
    }

    pub(super) fn get_or_insert_with<T: Send + Sync + 'static>(
        &self,
        make: impl FnOnce() -> T,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Result<Arc<T>, SetError> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let value = Arc::new(make());
        match self
            .values
            .set_first(StateValue::shared(Arc::clone(&value)))
        {
            Ok(()) => Ok(value),
            Err((_, Some(there))) => Ok(there.get().unwrap_or(value)),
            Err((_, None)) => Err(SetError::RequestEnded { state: name() }),
        }
    }
}

pin_project! {
    /// A future that is in a request scope: see [`RequestScope::enter`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Entered<F> {
        #[pin]
        within: Within<F>,
    }
}

impl<F: Future> Future for Entered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().within.poll(cx)
    }
}

impl<F> fmt::Debug for Entered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

/// What messages call a state that has no name.
pub(super) fn name_of<T: 'static>() -> Cow<'static, str> {
    Cow::Owned(StateKey::of::<T>().to_string())
}

impl RequestScope {
    /// Opens a scope at a place; within the scope of that, if there is one.
    fn open<C: Send + Sync + 'static>(current: Current, content: C) -> Self {
        let values = Values::default();
        let inner = Inner { values, current };
        Self {
            scope: Arc::new(Opened { inner, content }),
        }
    }

    pub(super) fn inner(&self) -> &Inner {
        let inner = self.scope.inner().downcast_ref();
        inner.expect("all scopes are made in this file")
    }

    /// What [`Current::enter_request_scope`] has opened this scope with, if it is a `C`; otherwise
    /// that of the nearest scope around it which was.
    pub fn content<C: 'static>(&self) -> Option<&C> {
        let mut scope = &self.scope;
        loop {
            if let Some(content) = scope.content().downcast_ref() {
                return Some(content);
            }
            let inner: &Inner = scope.inner().downcast_ref()?;
            scope = inner.current.scope()?;
        }
    }

    /// The scope that the caller has entered, if it has; the innermost of several.
    pub fn current() -> Option<Self> {
        let scope = inside::look(|place| place.scope().cloned())??;
        Some(Self { scope })
    }

    fn place(&self) -> Place {
        self.clone().into_place()
    }

    fn into_place(self) -> Place {
        let node = self.inner().current.node();
        let what = What::Scope(self.scope);
        Place { what, node }
    }

    /// The app around it, as code sees it that has entered this scope.
    pub fn app(&self) -> Current {
        let scope = Some(Arc::clone(&self.scope));
        self.inner().current.with_scope(scope)
    }

    /// The value of this type, from this scope or the nearest one around it that has one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner().get()
    }

    /// The value of this type, from this scope or the nearest one around it that has one.
    ///
    /// # Errors
    ///
    /// If nothing has set it, or the scope has ended.
    pub fn try_get<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, LookupError> {
        self.inner().try_get(name_of::<T>)
    }

    /// Sets the value of this type in this scope, and returns the one that it replaces here. Scopes
    /// around it keep theirs.
    ///
    /// # Errors
    ///
    /// If the scope has ended. The value is dropped then.
    pub fn set<T: Send + Sync + 'static>(&self, value: T) -> Result<Option<Arc<T>>, SetError> {
        self.inner().set(value, name_of::<T>)
    }

    /// The value of this type; if there is none, one that is made now, and set in this scope. If
    /// several make one at a time, the first one stays, and is what all get.
    ///
    /// # Errors
    ///
    /// If the scope has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[derive(Debug, PartialEq)]
    /// # struct RequestId(u32);
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let running = App::new().boot().await?;
    /// let scope = running.request_scope();
    /// let id = scope.get_or_insert_with(|| RequestId(7))?;
    /// assert_eq!(scope.get_or_insert_with(|| RequestId(8))?, id);
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_or_insert_with<T: Send + Sync + 'static>(
        &self,
        make: impl FnOnce() -> T,
    ) -> Result<Arc<T>, SetError> {
        self.inner().get_or_insert_with(make, name_of::<T>)
    }

    /// Takes the value of this type out of this scope, if it has one. Then the one of a scope around
    /// it is seen again.
    pub fn take<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner().take()
    }

    /// Leaves something to be done when the scope ends: in the row of its values, the last one
    /// first, so that it still has what was set before it. It can't wait, and one that panics is
    /// logged and keeps no other from running.
    ///
    /// If the scope has ended, it is done at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let running = App::new().boot().await?;
    /// let (told, hears) = std::sync::mpsc::channel();
    /// let scope = running.request_scope();
    /// scope.on_end(move || told.send("it is over").unwrap());
    /// assert!(hears.try_recv().is_err());
    /// drop(scope);
    /// assert_eq!(hears.try_recv(), Ok("it is over"));
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_end(&self, clean_up: impl FnOnce() + Send + 'static) {
        if let Err(clean_up) = self.inner().values.on_end(Box::new(clean_up)) {
            clean_up();
        }
    }

    /// Ends the scope now, for all holders of it: its values are dropped, and its clean-ups run.
    /// Reading and setting are errors from now on. Ending it again does nothing.
    pub fn end(&self) {
        self.inner().values.end();
    }

    /// Whether it was ended.
    pub fn has_ended(&self) -> bool {
        self.inner().values.has_ended()
    }

    /// A future that is in this scope, and in its app, whenever it is polled, and while it is
    /// dropped. Also when it is spawned: [`RequestScope::spawn`] does that.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops `future`.
    pub fn enter<F: Future>(&self, future: F) -> Entered<F> {
        Entered {
            within: inside::at_place(self.place(), future),
        }
    }

    /// Calls a function in this scope, as [`RequestScope::enter`] does for futures: for a thread,
    /// such as one of [`tokio::task::spawn_blocking`].
    /// Whatever this thread polls meanwhile is in the scope: also tasks, if `call` blocks on a runtime
    /// of one thread.
    pub fn enter_sync<T>(&self, call: impl FnOnce() -> T) -> T {
        inside::call_at(self.place(), call)
    }

    /// Spawns a future that is in this scope. The scope does not end before it, and nothing waits for
    /// it: neither the scope nor the app.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    /// use bootstrap::RequestState;
    ///
    /// static ID: RequestState<u32> = RequestState::named("request id");
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let running = App::new().boot().await?;
    /// let scope = running.request_scope();
    /// scope.set(7_u32)?;
    /// let read = async || ID.get().map(|id| *id);
    /// assert_eq!(tokio::spawn(read()).await?, None);
    /// assert_eq!(scope.spawn(read()).await?, Some(7));
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(self.enter(future))
    }
}

impl fmt::Debug for RequestScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestScope")
            .field("has_ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}

impl Current {
    /// Opens a request scope, within the one that this was taken in, if it was in one. See
    /// [`RequestScope`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let running = App::new().boot().await?;
    /// let outer = running.request_scope();
    /// outer.set("outer")?;
    /// outer.set(1)?;
    /// let inner = outer.app().request_scope();
    /// inner.set("inner")?;
    /// assert_eq!((*inner.get::<&str>().unwrap(), *inner.get::<i32>().unwrap()), ("inner", 1));
    /// assert_eq!(*outer.get::<&str>().unwrap(), "outer");
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn request_scope(&self) -> RequestScope {
        RequestScope::open(self.clone(), ())
    }

    /// A future in a request scope of its own, with something that code in it finds by
    /// [`RequestScope::content`]: what a protocol knows of the request, in the same allocation. The
    /// scope ends with the future, unless something keeps a handle of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops `future`, and the scope ends.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # use bootstrap::RequestScope;
    /// struct Peer(&'static str);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let running = App::new().boot().await?;
    /// let peer = async {
    ///     let scope = RequestScope::current()?;
    ///     Some(scope.content::<Peer>()?.0)
    /// };
    /// let current = running.current();
    /// assert_eq!(current.enter_request_scope(Peer("10.0.0.1"), peer).await, Some("10.0.0.1"));
    /// # running.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn enter_request_scope<C, F>(&self, content: C, future: F) -> Entered<F>
    where
        C: Send + Sync + 'static,
        F: Future,
    {
        // By value: a handle less is a tenth of what a scope costs.
        let place = RequestScope::open(self.clone(), content).into_place();
        let within = inside::at_place(place, future);
        Entered { within }
    }
}
