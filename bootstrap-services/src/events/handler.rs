//! Handlers: plugins that get events.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use futures_util::future::BoxFuture;

use crate::events::{Event, Published};

/// What a plugin with `#[event_handler(E)]` does with events of the type `E`.
///
/// A plugin handles its events one at a time, in the order in which they were published, also if they are of several types.
/// An error or a panic is reported as one of the plugin, and the next event is handled.
///
/// # Examples
///
/// ```standalone_crate
/// use std::sync::Mutex;
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::events::{Event, EventContext, Events, Handler, event_handler};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Event, Serialize, Deserialize)]
/// #[event(name = "user.created")]
/// struct UserCreated {
///     name: String,
/// }
///
/// #[supplied]
/// struct Greetings(Mutex<Vec<String>>);
///
/// #[event_handler(UserCreated)]
/// struct Welcome {
///     greetings: State<Greetings>,
/// }
///
/// impl Hooks for Welcome {}
///
/// impl Handler<UserCreated> for Welcome {
///     async fn handle(&self, event: &UserCreated, _: &EventContext) -> Result<()> {
///         self.greetings.0.lock().unwrap().push(format!("hello, {}", event.name));
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let app = App::only(Welcome::default()).supply(Greetings(Mutex::default()));
/// let running = app.boot().await?;
/// let events = running.try_get::<State<Events>>()?;
/// events.publish(UserCreated { name: "Ada".to_owned() });
/// events.flush().await;
/// let greetings = running.try_get::<State<Greetings>>()?;
/// assert_eq!(*greetings.0.lock().unwrap(), ["hello, Ada"]);
/// # drop((events, greetings));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` does not handle the event `{E}`",
    label = "`impl Handler<{E}> for {Self}` is missing",
    note = "help: write it, with `async fn handle(&self, event: &{E}, cx: &EventContext) -> Result<()>`"
)]
pub trait Handler<E: Event>: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// # Errors
    ///
    /// An error reaches [`App::on_error`](bootstrap::App::on_error), as one of this plugin. The event is not handled again.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped after [`handler_timeout`](crate::events::EventHandlersPlugin::handler_timeout), and when the
    /// app closes and the limit of its hooks has passed.
    fn handle(&self, event: &E, cx: &EventContext) -> impl Future<Output = Result<()>> + Send;
}

/// What a handler may know about the event that it handles.
#[derive(Clone, Debug)]
pub struct EventContext(Published);

impl EventContext {
    /// When the event was published, by the clock of the process that did: up to 10 ms early, so events may have the same time.
    pub fn at(&self) -> SystemTime {
        self.0.at()
    }

    /// Whether another process has published it.
    pub fn is_remote(&self) -> bool {
        self.0.is_remote()
    }
}

/// A plugin that handles events, at its port. `#[event_handler(..)]` implements it.
pub trait EventHandler: Send + Sync {
    #[doc(hidden)]
    fn attach(self: Arc<Self>, list: &mut HandlerList);
}

type Call = Box<dyn Fn(Published) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The events that a plugin handles.
#[doc(hidden)]
#[derive(Default)]
pub struct HandlerList {
    pub(super) calls: HashMap<TypeId, (&'static str, Call)>,
}

impl HandlerList {
    #[doc(hidden)]
    pub fn add<E: Event, H: Handler<E>>(&mut self, handler: &Arc<H>) {
        let handler = Arc::clone(handler);
        let call = move |published: Published| -> BoxFuture<'static, Result<()>> {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                match published.get::<E>() {
                    Some(event) => handler.handle(&event, &EventContext(published)).await,
                    None => Ok(()),
                }
            })
        };
        self.calls
            .insert(TypeId::of::<E>(), (E::NAME, Box::new(call)));
    }
}

impl fmt::Debug for HandlerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.calls.values().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}
