//! The state `Services`: the values, by name.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::ServiceError;
use super::error::line;
use crate::panic;

/// How long the drop of one value may take before the next one is dropped.
const DROP_LIMIT: Duration = Duration::from_secs(2);

type Name = Cow<'static, str>;
type AnyValue = Arc<dyn Any + Send + Sync>;

/// The services of an app, by name: the state of [`ServicesPlugin`](super::ServicesPlugin). A cheap handle.
///
/// A value is shared: callers that looked it up keep it, also when another one is [`set`](Self::set) and after the app
/// has closed. A lookup takes a read lock for the time of one search in a tree.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::named::{Services, ServicesPlugin};
///
/// #[plugin]
/// struct Greeter {
///     services: State<Services>,
/// }
///
/// impl Hooks for Greeter {
///     async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
///         assert_eq!(*self.services.try_get::<&str>("greeting")?, "hello");
///         self.services.set("greeting", "good morning")?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let services = ServicesPlugin::default().define("greeting", async |_| Ok("hello"));
/// let running = App::new().with(services).with(Greeter::default()).boot().await?;
/// let services = running.try_get::<State<Services>>()?;
/// assert_eq!(*services.try_get::<&str>("greeting")?, "good morning");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Services(Arc<Shared>);

/// No user code runs under the lock.
#[derive(Default)]
struct Shared(RwLock<Table>);

#[derive(Default)]
struct Table {
    entries: BTreeMap<Name, Entry>,
    /// How many values have been put here so far.
    puts: u64,
    is_closed: bool,
    /// The values that are to be dropped, the next one last.
    leaving: Vec<(Name, Value)>,
}

enum Entry {
    NotStarted,
    Disabled,
    Here {
        value: Value,
        /// The how many-th value it is.
        place: u64,
    },
}

/// A value, and what messages call its type.
#[derive(Clone)]
pub(super) struct Value {
    value: AnyValue,
    type_name: &'static str,
}

impl Value {
    pub(super) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self {
            value: Arc::new(value),
            type_name: type_name::<T>(),
        }
    }
}

impl Services {
    /// Returns a service, or `None` if [`try_get`](Self::try_get) returns an error.
    pub fn get<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        self.try_get(name).ok()
    }

    /// Returns a service.
    ///
    /// # Errors
    ///
    /// If no service has this name, or it has another type, does not exist yet, is disabled, or has been dropped because
    /// the app closes.
    pub fn try_get<T: Send + Sync + 'static>(&self, name: &str) -> Result<Arc<T>, ServiceError> {
        let Value {
            value,
            type_name: actual,
        } = self.find(name)?;
        value.downcast().map_err(|_| ServiceError::OtherType {
            service: name.to_owned(),
            actual,
            requested: type_name::<T>(),
        })
    }

    /// Sets a service: from now on a lookup of `name` returns this value, of whatever type it is. Returns the value that
    /// was there before, if there was one.
    ///
    /// The value is dropped when the app closes, before the services that are older. The factory of a service replaces
    /// a value that was set before the factory has run.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Closed`] if the services have been dropped because the app closes. `value` is dropped then.
    pub fn set<T: Send + Sync + 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
        value: T,
    ) -> Result<Option<Arc<dyn Any + Send + Sync>>, ServiceError> {
        let before = self.put(name.into(), Some(Value::new(value)))?;
        Ok(before.map(|before| before.value))
    }

    /// Notes a service that will be created, so that a lookup before that is [`ServiceError::NotStarted`].
    pub(super) fn expect(&self, name: &Name) {
        let mut table = self.0.write();
        table
            .entries
            .entry(name.clone())
            .or_insert(Entry::NotStarted);
    }

    fn find(&self, name: &str) -> Result<Value, ServiceError> {
        let table = self.0.read();
        let service = || name.to_owned();
        match table.entries.get(name) {
            Some(Entry::Here { value, .. }) => Ok(value.clone()),
            Some(Entry::Disabled) => Err(ServiceError::Disabled { service: service() }),
            Some(Entry::NotStarted) => Err(ServiceError::NotStarted { service: service() }),
            None if table.is_closed => Err(ServiceError::Closed { service: service() }),
            None => Err(ServiceError::Missing {
                service: service(),
                known: table.entries.keys().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Puts a value there, or notes that the service is disabled. Returns the value that was there before.
    pub(super) fn put(
        &self,
        name: Name,
        value: Option<Value>,
    ) -> Result<Option<Value>, ServiceError> {
        let mut table = self.0.write();
        if table.is_closed {
            drop(table);
            let service = name.into_owned();
            return Err(ServiceError::Closed { service });
        }
        table.puts += 1;
        let place = table.puts;
        let entry = value.map_or(Entry::Disabled, |value| Entry::Here { value, place });
        let before = table.entries.insert(name, entry);
        drop(table);
        Ok(match before {
            Some(Entry::Here { value, .. }) => Some(value),
            _ => None,
        })
    }

    /// Drops every service, the last one first. A drop that panics or blocks does not keep the others from being
    /// dropped; `progress` is called if one blocks. If this future is dropped, the rest stays for another call.
    pub(super) async fn release(&self, progress: impl Fn(String)) -> Result<()> {
        let mut failed = Vec::new();
        while let Some((name, value)) = self.0.take_last() {
            let service = format!("drop of service `{}`", line(&name));
            // On a thread of its own, because it cannot be cancelled.
            match timeout(DROP_LIMIT, spawn_blocking(|| drop(value))).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    if let Ok(panic) = error.try_into_panic() {
                        failed.push(format!("{service} panicked: {}", panic_message(&*panic)));
                    }
                }
                Err(_) => {
                    failed.push(format!("{service} was abandoned: it blocks its thread"));
                    progress(format!("the {service} blocks"));
                }
            }
        }
        if !failed.is_empty() {
            bail!(failed.join("; "));
        }
        Ok(())
    }

    /// Drops every service, the last one first, without a close. One panic does not become two.
    pub(super) fn release_now(&self) {
        self.0.release_now();
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the last service out. From now on lookups find none.
    fn take_last(&self) -> Option<(Name, Value)> {
        let mut table = self.write();
        if !table.is_closed {
            table.close();
        }
        table.leaving.pop()
    }
}

impl Table {
    fn close(&mut self) {
        self.is_closed = true;
        let entries = std::mem::take(&mut self.entries);
        let mut here: Vec<_> = entries
            .into_iter()
            .filter_map(|(name, entry)| match entry {
                Entry::Here { value, place } => Some((place, (name, value))),
                Entry::NotStarted | Entry::Disabled => None,
            })
            .collect();
        here.sort_by_key(|(place, _)| *place);
        self.leaving = here.into_iter().map(|(_, leaving)| leaving).collect();
    }
}

/// Without a close, as in an app that runs without tasks: the same order.
impl Drop for Shared {
    fn drop(&mut self) {
        self.release_now();
    }
}

impl Shared {
    fn release_now(&self) {
        while let Some((name, value)) = self.take_last() {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                let message = panic_message(&*panic);
                tracing::error!("drop of service `{}` panicked: {message}", line(&name));
            }
        }
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.0.read();
        f.debug_set().entries(table.entries.keys()).finish()
    }
}

/// What a panic says.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic::message(panic).unwrap_or("a panic without a message")
}
