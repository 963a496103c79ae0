//! The plugin `event-handlers`.

use std::time::Duration;

use anyhow::ensure;
use bootstrap::prelude::*;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::events::handler::HandlerList;
use crate::events::worker::Worker;
use crate::events::{EventHandler, Events};

/// The handlers of events of an app: the state of [`EventHandlersPlugin`].
#[derive(Clone, Debug)]
pub struct EventHandlers {
    names: Vec<String>,
}

impl EventHandlers {
    /// The names of the plugins that handle events, in the order of the plan.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// Runs the handlers of events. It joins a collected app that has a plugin with `#[event_handler(..)]`.
///
/// Each plugin that handles events has a task and a queue of `events.queue` places. It requires all of them, so it stops
/// before they do: when the app closes, it first waits until what was published is handled, and its tasks go on until
/// all plugins have drained. What is published afterwards is handled before a handler closes, within the limit of the
/// `run` hook; the log has the number of events for which there was no time.
///
/// # Errors
///
/// The boot fails if `handler_timeout` is zero.
#[plugin(name = "event-handlers", states = [EventHandlers], collect = needed)]
#[derive(Debug)]
pub struct EventHandlersPlugin {
    clock: State<Clock>,
    events: State<Events>,
    handlers: Ports<dyn EventHandler>,
    /// How long a handler may take for one event. 1 minute by default.
    #[option(default = Duration::from_mins(1))]
    pub handler_timeout: Duration,
}

impl Hooks for EventHandlersPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<EventHandlers> {
        ensure!(
            !self.handler_timeout.is_zero(),
            "`handler_timeout` is zero, so no event could be handled in time: set a longer one, as a minute"
        );
        let mut names = Vec::new();
        for (name, handler) in &self.handlers {
            let mut list = HandlerList::default();
            if let Some(handler) = Port::to_arc(handler) {
                handler.attach(&mut list);
            }
            let name = name.to_string();
            names.push(name.clone());
            self.spawn(cx, name, list);
        }
        Ok(EventHandlers { names })
    }

    async fn drain(&self, _: &DrainContext<Self>) -> Result<()> {
        self.events.flush().await;
        Ok(())
    }
}

impl EventHandlersPlugin {
    fn spawn(&self, cx: &LoadContext, name: String, list: HandlerList) {
        let queue = self.events.new_queue_of_handler();
        let (done, is_done) = watch::channel(0);
        self.events.add_handler(&queue, is_done);
        for (event, (name, _)) in &list.calls {
            self.events.attach(*event, name, &queue);
        }
        let worker = Worker {
            name: name.clone(),
            list,
            events: (*self.events).clone(),
            queue,
            done,
            app: cx.handle(),
            clock: self.clock.clone(),
            limit: self.handler_timeout,
            missed: 0,
        };
        cx.spawn(name, async move |cx| {
            worker.run(cx.stop_token()).await;
            Ok(())
        });
    }
}
