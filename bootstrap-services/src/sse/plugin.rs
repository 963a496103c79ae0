//! The plugin `sse-hub`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::bail;
use bootstrap::health::HealthCheck;
use bootstrap::prelude::*;

use crate::clock::Clock;
use crate::events::{Bridge, EventBus, Pattern, unique};
use crate::sse::board::{Board, Limits};
use crate::sse::hub::{Message, Shared};
use crate::sse::{Authorize, SseHub, metrics};

/// The most channels.
const CHANNELS: usize = 10_000;
/// Proxies close a connection on which nothing is sent, often after 60 seconds.
const LONGEST_HEARTBEAT: Duration = Duration::from_secs(30);

/// Provides [`SseHub`]. It joins a collected app in which a plugin requires it.
///
/// With a plugin that provides a [`EventBus`], events reach the clients of all processes of the service.
///
/// # Errors
///
/// The boot fails if a limit is 0, if a pattern in `sse.public` is none, or if `heartbeat` is 0 or longer than 30 seconds.
#[plugin(name = "sse-hub", states = [SseHub], ports = [dyn HealthCheck], collect = needed)]
#[derive(Debug)]
pub struct SseHubPlugin {
    clock: State<Clock>,
    bus: Option<Port<dyn EventBus>>,
    authorize: Option<Port<dyn Authorize>>,
    /// The channels to which every client may subscribe: patterns such as `news.*`. None by default.
    #[option(config = "sse.public", default = Vec::new())]
    pub public: Vec<String>,
    /// The most clients. 10,000 by default.
    #[option(config = "sse.clients", default = 10_000)]
    pub clients: usize,
    /// How many events of each channel are kept for clients that connect again. 1,024 by default.
    #[option(config = "sse.history", default = 1024)]
    pub history: usize,
    /// How many events each client may have waiting. 64 by default.
    #[option(config = "sse.queue", default = 64)]
    pub queue: usize,
    /// The time without events after which a comment is sent. 15 seconds by default, at most 30.
    #[option(default = Duration::from_secs(15))]
    pub heartbeat: Duration,
}

impl Hooks for SseHubPlugin {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<(SseHub, Arc<dyn HealthCheck>)> {
        self.check(cx)?;
        let limits = Limits {
            history: self.history,
            queue: self.queue,
            clients: self.clients,
            channels: CHANNELS,
        };
        let bridge = self.bus.as_ref().map(|bus| {
            let encode = |message: &Message| Ok(serde_json::to_value(message)?);
            Arc::new(Bridge::new(bus, "sse", &self.clock, cx.handle(), encode))
        });
        let hub = SseHub(Arc::new(Shared {
            board: Mutex::new(Board::new(unique(), limits)),
            clock: self.clock.clone(),
            heartbeat: self.heartbeat,
            public: self.patterns(cx)?,
            authorize: self.authorize.clone(),
            bridge: bridge.clone(),
        }));
        if let Some(bridge) = bridge {
            let local = hub.clone();
            let deliver =
                move |message| Ok(local.deliver_remote(serde_json::from_value(message)?)?);
            bridge.start(cx, deliver).await;
        }
        let check = Arc::new(hub.clone());
        Ok((hub, check))
    }

    /// Not in `load`: a plugin may install the recorder in its own.
    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        metrics::describe();
        Ok(())
    }

    /// Streams end here, if they have not ended with their server.
    async fn drain(&self, cx: &DrainContext<Self>) -> Result<()> {
        cx.states().0.close();
        Ok(())
    }
}

impl SseHubPlugin {
    fn check(&self, cx: &LoadContext) -> Result<()> {
        let limits = [
            ("sse.clients", self.clients),
            ("sse.history", self.history),
            ("sse.queue", self.queue),
        ];
        if let Some((key, _)) = limits.iter().find(|(_, limit)| *limit == 0) {
            let wrong = format!("`{key}` is 0, so no client could get an event");
            return Err(cx.config_error(key, wrong, "set a larger number").into());
        }
        if self.heartbeat.is_zero() || self.heartbeat > LONGEST_HEARTBEAT {
            bail!(
                "the heartbeat of the hub is {:?}: set one of at most {LONGEST_HEARTBEAT:?}",
                self.heartbeat
            );
        }
        Ok(())
    }

    fn patterns(&self, cx: &LoadContext) -> Result<Vec<Pattern>> {
        let patterns = self.public.iter().map(|pattern| pattern.parse::<Pattern>());
        let patterns: Result<Vec<_>, _> = patterns.collect();
        patterns.map_err(|error| {
            let wrong = format!("`sse.public` has a pattern that is none: {error}");
            cx.config_error("sse.public", wrong, "correct `sse.public`")
                .into()
        })
    }
}
