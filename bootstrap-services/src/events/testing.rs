//! Events in tests.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;

use crate::events::board::EventQueue;
use crate::events::queue::{Next, Queue};
use crate::events::{Event, EventBus, Events, Pattern, Published};

/// How many events a record holds.
const RECORDED: usize = 1 << 20;

/// The events that were published since [`Events::record`].
///
/// # Examples
///
/// ```
/// # use bootstrap::prelude::*;
/// # use bootstrap_services::clock::ClockPlugin;
/// # use bootstrap_services::events::{Event, Events, EventsPlugin};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # #[event(name = "invoice.sent")]
/// # struct InvoiceSent { id: u32 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let running = App::new().with(ClockPlugin).with(EventsPlugin::default()).boot().await?;
/// let events = running.try_get::<State<Events>>()?;
/// let record = events.record();
/// events.publish(InvoiceSent { id: 7 });
/// assert_eq!(record.names(), ["invoice.sent"]);
/// assert_eq!(record.of::<InvoiceSent>()[0].id, 7);
/// # drop((events, record));
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EventRecord {
    events: Events,
    queue: EventQueue,
    seen: Mutex<Vec<Published>>,
}

impl Events {
    /// Records all events that are published from now on, in order. For tests.
    pub fn record(&self) -> EventRecord {
        let queue = Arc::new(Queue::new(RECORDED));
        self.attach_pattern(Pattern::all(), &queue);
        EventRecord {
            events: self.clone(),
            queue,
            seen: Mutex::default(),
        }
    }
}

impl EventRecord {
    /// All events.
    pub fn all(&self) -> Vec<Published> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Next::Item(published)) = self.queue.try_next() {
            seen.push(published);
        }
        seen.clone()
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        let all = self.all();
        all.iter().map(|it| it.name().to_owned()).collect()
    }

    /// Those of one type.
    pub fn of<E: Event>(&self) -> Vec<Arc<E>> {
        self.all().iter().filter_map(Published::get).collect()
    }
}

impl Drop for EventRecord {
    fn drop(&mut self) {
        self.events.detach(&self.queue);
    }
}

/// A bus between the apps of one process. Clones are the same bus.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::ClockPlugin;
/// use bootstrap_services::events::EventsPlugin;
/// use bootstrap_services::testing::MemoryBus;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let bus = MemoryBus::default();
/// let app = || App::new().with(ClockPlugin).with(EventsPlugin::default()).supply(bus.port());
/// let (one, other) = (app().boot().await?, app().boot().await?);
/// # one.close().await?;
/// # other.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryBus(Arc<Memory>);

#[derive(Debug, Default)]
struct Memory {
    is_down: AtomicBool,
    readers: Mutex<Vec<(String, mpsc::UnboundedSender<Vec<u8>>)>>,
}

impl MemoryBus {
    /// The bus, to supply to an app.
    pub fn port(&self) -> Port<dyn EventBus> {
        Port::from_arc(Arc::new(self.clone()))
    }

    /// Cuts all connections, and refuses new ones.
    pub fn cut(&self) {
        self.0.is_down.store(true, Ordering::SeqCst);
        self.readers().clear();
    }

    /// Accepts connections again.
    pub fn mend(&self) {
        self.0.is_down.store(false, Ordering::SeqCst);
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.readers().len()
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<(String, mpsc::UnboundedSender<Vec<u8>>)>> {
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_up(&self) -> Result<()> {
        let is_down = self.0.is_down.load(Ordering::SeqCst);
        ensure!(!is_down, "the bus is cut");
        Ok(())
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    async fn publish(&self, topic: &str, message: Vec<u8>) -> Result<()> {
        self.is_up()?;
        let is_there = |(of, reader): &(String, mpsc::UnboundedSender<Vec<u8>>)| {
            of != topic || reader.send(message.clone()).is_ok()
        };
        self.readers().retain(is_there);
        Ok(())
    }

    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>> {
        self.is_up()?;
        let (sender, receiver) = mpsc::unbounded_channel();
        self.readers().push((topic.to_owned(), sender));
        let next = async |mut receiver: mpsc::UnboundedReceiver<Vec<u8>>| {
            Some((receiver.recv().await?, receiver))
        };
        Ok(stream::unfold(receiver, next).boxed())
    }
}
