//! `SseHub`: channels of server-sent events.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bootstrap::{Port, State};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::events::{Bridge, Pattern, is_name};
use crate::sse::board::{Board, Client};
use crate::sse::stream::SseStream;
use crate::sse::{Authorize, SseError, SseEvent, metrics};

/// The most channels of a subscription.
const MOST_CHANNELS: usize = 32;

/// Channels of server-sent events: the state of [`SseHubPlugin`](crate::sse::SseHubPlugin).
///
/// A client that connects again sends the id of its last event, and gets what it has missed since. If the hub does not
/// know these events any more, because they were too many, or the process has restarted, or the id is one of
/// another process, the client gets an event `reset` in place of them: it should load everything again.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::sse::{SseEvent, SseHub, SseHubPlugin};
/// use futures_util::StreamExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let hub = SseHubPlugin::default().public(vec!["orders".to_owned()]);
/// let running = App::new().with(ClockPlugin).with(hub).boot().await?;
/// let hub = running.try_get::<State<SseHub>>()?;
///
/// let mut client = hub.subscribe(&["orders"], None).await?;
/// hub.channel("orders")?.send(&SseEvent::json(&7)?.named("order.created")?)?;
/// let first = client.next().await.unwrap();
/// assert!(first.ends_with(b"retry: 3000\n\n"));
/// let event = String::from_utf8(client.next().await.unwrap().to_vec())?;
/// assert!(event.ends_with("event: order.created\ndata: 7\n\n"));
/// # drop((client, hub));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SseHub(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) board: Mutex<Board>,
    pub(super) clock: State<Clock>,
    pub(super) heartbeat: Duration,
    pub(super) public: Vec<Pattern>,
    pub(super) authorize: Option<Port<dyn Authorize>>,
    pub(super) bridge: Option<Arc<Bridge<Message>>>,
}

/// An event, as processes send it to each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) channel: String,
    pub(super) event: SseEvent,
}

/// A channel of a [`SseHub`], from [`SseHub::channel`].
#[derive(Clone, Debug)]
pub struct SseChannel {
    hub: SseHub,
    name: String,
}

impl SseHub {
    /// Returns the channel with this name. Channels need no declaration.
    ///
    /// # Errors
    ///
    /// If `name` is not the name of a channel: segments of `a-z`, `A-Z`, `0-9`, `-` and `_` with dots between them.
    pub fn channel(&self, name: &str) -> Result<SseChannel, SseError> {
        let name = checked(name)?;
        let hub = self.clone();
        Ok(SseChannel { hub, name })
    }

    /// Subscribes a client to channels.
    ///
    /// Each channel must match `sse.public`, or the [`Authorize`] of the app must permit it. The stream begins with the
    /// events after `last_event_id`, which the client sends in the header of this name.
    ///
    /// # Errors
    ///
    /// If the client may not subscribe to one of the channels, if there are too many clients, or if the app is stopping.
    ///
    /// # Cancel safety
    ///
    /// The client is not subscribed if the future is dropped.
    pub async fn subscribe<C: AsRef<str>>(
        &self,
        channels: &[C],
        last_event_id: Option<&str>,
    ) -> Result<SseStream, SseError> {
        let joined = self.join(channels, last_event_id).await;
        if joined.is_err() {
            metrics::refused();
        }
        joined
    }

    async fn join<C: AsRef<str>>(
        &self,
        channels: &[C],
        last_event_id: Option<&str>,
    ) -> Result<SseStream, SseError> {
        let channels = channels.iter().map(|name| checked(name.as_ref()));
        let mut channels = channels.collect::<Result<Vec<_>, _>>()?;
        channels.sort();
        channels.dedup();
        if !(1..=MOST_CHANNELS).contains(&channels.len()) {
            return Err(SseError::ChannelCount(channels.len()));
        }
        for channel in &channels {
            self.authorize(channel).await?;
        }
        let joined = self.lock().join(&channels, last_event_id)?;
        Ok(SseStream::new(self.clone(), channels, joined))
    }

    async fn authorize(&self, channel: &str) -> Result<(), SseError> {
        if self.0.public.iter().any(|it| it.matches(channel)) {
            return Ok(());
        }
        let permitted = match &self.0.authorize {
            Some(authorize) => authorize.may_subscribe(channel).await,
            None => Ok(false),
        };
        let channel = channel.to_owned();
        match permitted {
            Ok(true) => Ok(()),
            Ok(false) => Err(SseError::Forbidden(channel)),
            Err(error) => Err(SseError::Authorization { channel, error }),
        }
    }

    /// How many clients are subscribed.
    pub fn clients(&self) -> usize {
        self.lock().clients()
    }

    pub(super) fn check_bus(&self) -> anyhow::Result<()> {
        match &self.0.bridge {
            Some(bridge) => bridge.check(),
            None => Ok(()),
        }
    }

    /// Sends an event to clients of this process.
    pub(super) fn deliver(&self, channel: &str, event: &SseEvent) -> Result<usize, SseError> {
        let delivered = self.lock().send(channel, event)?;
        metrics::sent(delivered.lagging);
        delivered.after.finish();
        Ok(delivered.clients)
    }

    /// Sends an event of another process to clients of this one.
    pub(super) fn deliver_remote(&self, message: Message) -> Result<(), SseError> {
        let channel = checked(&message.channel)?;
        self.deliver(&channel, &message.event.checked()?)?;
        Ok(())
    }

    pub(super) fn remove(&self, channels: &[String], client: &Client) {
        self.lock().remove(channels, client);
        metrics::clients(-1.0);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// Ends all streams.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checked(name: &str) -> Result<String, SseError> {
    let name = name.to_owned();
    if is_name(&name) {
        Ok(name)
    } else {
        Err(SseError::ChannelName(name))
    }
}

impl SseChannel {
    /// Sends an event to the clients of the channel, without waiting, and returns their number in this process.
    ///
    /// A client that has too many events waiting gets an event `lagged` after them, and its stream ends. It connects again,
    /// and gets what it has missed.
    ///
    /// # Errors
    ///
    /// If there are 10,000 channels, each of them with a client.
    pub fn send(&self, event: &SseEvent) -> Result<usize, SseError> {
        let clients = self.hub.deliver(&self.name, event)?;
        if let Some(bridge) = &self.hub.0.bridge {
            let pushed = bridge.push(Message {
                channel: self.name.clone(),
                event: event.clone(),
            });
            if let Some(reader) = pushed.reader {
                reader.wake();
            }
        }
        Ok(clients)
    }

    /// The name of the channel.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for SseHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseHub")
            .field("clients", &self.clients())
            .finish_non_exhaustive()
    }
}
