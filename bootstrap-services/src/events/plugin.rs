//! The plugin `events`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Clock;
use crate::events::bridge::Bridge;
use crate::events::event::linked;
use crate::events::events::Remote;
use crate::events::{EventBus, Events, Published, metrics};

/// Provides [`Events`]. It joins a collected app in which a plugin requires it.
///
/// With a plugin that provides a [`EventBus`], events reach the other processes of the service, each of them at most once.
///
/// # Errors
///
/// The boot fails if two types of events have one name, or if `events.queue` is 0.
#[plugin(name = "events", states = [Events], ports = [dyn HealthCheck], collect = needed)]
#[derive(Debug)]
pub struct EventsPlugin {
    clock: State<Clock>,
    bus: Option<Port<dyn EventBus>>,
    /// How many events each subscription and each handler may have waiting. 1,024 by default.
    #[option(config = "events.queue", default = 1024)]
    pub queue: usize,
    /// How many events [`Events::history`] keeps; 0 keeps none. 1,000 by default.
    #[option(config = "events.history", default = 1000)]
    pub history: usize,
}

impl Hooks for EventsPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<(Events, Arc<dyn HealthCheck>)> {
        if self.queue == 0 {
            let wrong = "`events.queue` is 0, so no event could wait for its reader";
            let fault = cx.config_error("events.queue", wrong, "set a number, for example 1024");
            return Err(fault.into());
        }
        let types = linked()?;
        let bridge = self
            .bus
            .as_ref()
            .map(|bus| Arc::new(Bridge::new(bus, "events", &self.clock, cx.handle(), encode)));
        let limits = (self.queue, self.history);
        let events = Events::new(self.clock.clone(), types, limits, bridge.clone());
        if let Some(bridge) = bridge {
            let local = events.clone();
            let deliver = move |message| local.deliver_remote(decode(message)?);
            bridge.start(cx, deliver).await;
        }
        let check = Arc::new(events.clone());
        Ok((events, check))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
        cx.states().0.close();
        Ok(())
    }
}

/// An event, as processes send it to each other.
#[derive(Serialize, Deserialize)]
struct Message {
    name: String,
    version: u16,
    /// Milliseconds since the Unix epoch.
    at: u64,
    payload: Value,
}

fn encode(published: &Published) -> Result<Value> {
    let at = published
        .at()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let message = Message {
        name: published.name().to_owned(),
        version: published.version(),
        at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        payload: published.payload()?,
    };
    Ok(serde_json::to_value(message)?)
}

fn decode(message: Value) -> Result<Remote> {
    let Message {
        name,
        version,
        at,
        payload,
    } = serde_json::from_value(message)?;
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(at));
    Ok(Remote {
        name,
        version,
        at: at.unwrap_or(SystemTime::UNIX_EPOCH),
        payload,
    })
}
