//! Between a service of this process and the bus.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bootstrap::Handle;
use bootstrap::prelude::*;
use futures_util::stream::{BoxStream, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::events::queue::{Next, Pushed, Queue};
use crate::events::{EventBus, metrics};
use crate::random;

/// How many messages wait for the bus.
const WAITING: usize = 1024;
/// How long one call of the bus may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before the bus is subscribed to again.
const PAUSE: Duration = Duration::from_secs(1);
/// The most bytes of a message.
const LARGEST: usize = 1 << 20;

/// A number that no other process has, and no earlier one of this service.
pub(crate) fn unique() -> String {
    format!("{:016x}", random::bits())
}

/// Sends messages of the type `M` to the bus, and receives those of other processes.
pub(crate) struct Bridge<M> {
    bus: Port<dyn EventBus>,
    topic: &'static str,
    /// What messages of this process are recognised by.
    origin: String,
    clock: State<Clock>,
    encode: fn(&M) -> Result<Value>,
    outgoing: Queue<M>,
    down: Mutex<Down>,
    app: Handle,
}

/// In which directions no message passes: a bus may take messages while it can't be subscribed to.
#[derive(Clone, Copy, Default)]
struct Down {
    sending: bool,
    receiving: bool,
}

impl Down {
    fn any(self) -> bool {
        self.sending || self.receiving
    }
}

/// A message as the bus carries it.
#[derive(Serialize, Deserialize)]
struct Wire {
    from: String,
    body: Value,
}

type Incoming = BoxStream<'static, Vec<u8>>;

impl<M: Send + Sync + 'static> Bridge<M> {
    pub(crate) fn new(
        bus: &Port<dyn EventBus>,
        topic: &'static str,
        clock: &State<Clock>,
        app: Handle,
        encode: fn(&M) -> Result<Value>,
    ) -> Self {
        Self {
            bus: bus.clone(),
            topic,
            origin: unique(),
            clock: clock.clone(),
            encode,
            outgoing: Queue::new(WAITING),
            down: Mutex::default(),
            app,
        }
    }

    /// Sends a message to other processes, later.
    pub(crate) fn push(&self, message: M) -> Pushed<M> {
        self.outgoing.push(message)
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            !self.down().any(),
            "the bus is not connected: see the log for the reason"
        );
        Ok(())
    }

    /// Subscribes, and spawns the tasks. `deliver` gets what other processes send.
    pub(crate) async fn start<F>(self: &Arc<Self>, cx: &LoadContext, deliver: F)
    where
        F: Fn(Value) -> Result<()> + Send + Sync + 'static,
    {
        // So that an app that has booted gets what others publish from then on.
        let first = self.subscribe().await;
        let receiving = Arc::clone(self);
        cx.spawn("bus-receive", async move |cx| {
            receiving.receive(first, deliver, &cx.stop_token()).await;
            Ok(())
        });
        let sending = Arc::clone(self);
        cx.spawn("bus-send", async move |cx| {
            sending.send(&cx.stop_token()).await;
            Ok(())
        });
    }

    async fn send(&self, stopped: &CancellationToken) {
        while let Some(next) = self.outgoing.next_before(stopped).await {
            match next {
                Next::Item(message) => {
                    let sent = self.send_one(&message).await;
                    let is_lost = sent.is_err();
                    self.note(sent, |down, is_down| down.sending = is_down);
                    if is_lost {
                        metrics::not_sent(self.topic, 1);
                    }
                    if is_lost && stopped.is_cancelled() {
                        // A bus that hangs would take its time for each message that waits.
                        return metrics::not_sent(self.topic, self.outgoing.len() as u64);
                    }
                }
                Next::Missed(missed) => metrics::not_sent(self.topic, missed),
                Next::Closed => return,
            }
        }
    }

    async fn send_one(&self, message: &M) -> Result<()> {
        let body = match (self.encode)(message) {
            Ok(body) => body,
            Err(error) => {
                // Not a fault of the bus.
                self.report(error.context("a message for the bus was not serialized"));
                return Ok(());
            }
        };
        let from = self.origin.clone();
        let bytes = serde_json::to_vec(&Wire { from, body })?;
        if bytes.len() > LARGEST {
            let length = bytes.len();
            self.report(anyhow!(
                "a message of {length} bytes was not sent to the bus: send at most {LARGEST}"
            ));
            return Ok(());
        }
        self.limited(self.bus.publish(self.topic, bytes)).await
    }

    async fn subscribe(&self) -> Option<Incoming> {
        let subscribed = self.limited(self.bus.subscribe(self.topic)).await;
        let (incoming, outcome) = match subscribed {
            Ok(incoming) => (Some(incoming), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.received(outcome);
        incoming
    }

    async fn receive<F>(&self, first: Option<Incoming>, deliver: F, stopped: &CancellationToken)
    where
        F: Fn(Value) -> Result<()>,
    {
        let mut incoming = first;
        loop {
            if let Some(incoming) = incoming.as_mut() {
                let read = async {
                    while let Some(message) = incoming.next().await {
                        if let Err(error) = self.read(&message, &deliver) {
                            metrics::unreadable(self.topic);
                            self.report(error);
                        }
                    }
                };
                tokio::select! {
                    () = read => self.received(Err(anyhow!("the connection was lost"))),
                    () = stopped.cancelled() => return,
                }
            }
            tokio::select! {
                () = self.clock.sleep(PAUSE) => {}
                () = stopped.cancelled() => return,
            }
            incoming = self.subscribe().await;
        }
    }

    fn read(&self, message: &[u8], deliver: impl Fn(Value) -> Result<()>) -> Result<()> {
        let read = serde_json::from_slice::<Wire>(message).map_err(anyhow::Error::from);
        let read = read.and_then(|wire| {
            if wire.from == self.origin {
                return Ok(());
            }
            deliver(wire.body)
        });
        read.with_context(|| format!("a message of the bus on `{}` can't be read", self.topic))
    }

    async fn limited<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            result = call => result,
            () = self.clock.limit(PATIENCE) => bail!("the bus did not answer within {PATIENCE:?}"),
        }
    }

    fn received(&self, outcome: Result<()>) {
        self.note(outcome, |down, is_down| {
            down.receiving = is_down;
            // An app that publishes nothing would not notice that it can.
            down.sending &= is_down;
        });
    }

    /// Reports a change of the whole bus once.
    fn note(&self, outcome: Result<()>, set: impl FnOnce(&mut Down, bool)) {
        let mut down = self.down();
        let before = *down;
        set(&mut down, outcome.is_err());
        let now = *down;
        drop(down);
        match outcome {
            Err(error) if !before.any() => {
                let text = "the bus is down, so no messages pass between processes: local delivery goes on";
                self.report(error.context(text));
            }
            Ok(()) if before.any() && !now.any() => {
                tracing::info!(topic = self.topic, "the bus is up again");
            }
            _ => {}
        }
    }

    fn down(&self) -> MutexGuard<'_, Down> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, error: anyhow::Error) {
        self.app.report_error(self.topic, error);
    }
}
