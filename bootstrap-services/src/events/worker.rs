//! The task of one handler.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bootstrap::{Handle, State};
use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::coop::consume_budget;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::events::board::EventQueue;
use crate::events::handler::HandlerList;
use crate::events::queue::Next;
use crate::events::{Events, Published, metrics};
use crate::panic;

/// Handles the events of one plugin, one at a time.
pub(super) struct Worker {
    /// The name of the plugin.
    pub(super) name: String,
    pub(super) list: HandlerList,
    pub(super) events: Events,
    pub(super) queue: EventQueue,
    pub(super) done: watch::Sender<u64>,
    pub(super) app: Handle,
    pub(super) clock: State<Clock>,
    /// How long one event may take.
    pub(super) limit: Duration,
    /// How many events were missed since the handler last kept up.
    pub(super) missed: u64,
}

/// A handler was too slow.
#[derive(Debug, thiserror::Error)]
#[error(
    "the handler of events `{handler}` is too slow, and its queue dropped {missed} events: let it do less, or set `events.queue` to more"
)]
struct Lagged {
    handler: String,
    missed: u64,
}

impl Worker {
    pub(super) async fn run(mut self, stopped: CancellationToken) {
        let (clock, queue) = (Clock::clone(&self.clock), EventQueue::clone(&self.queue));
        while let Some(next) = queue.next_before(&stopped).await {
            if matches!(next, Next::Closed) {
                break;
            }
            let work = clock.work(self.work_on(next));
            queue.seen();
            work.await;
        }
    }

    /// Handles an event, and all that arrive meanwhile.
    async fn work_on(&mut self, next: Next<Published>) {
        let mut next = Some(next);
        while let Some(now) = next {
            match now {
                Next::Item(published) => self.item(published).await,
                Next::Missed(missed) => self.lagged(missed),
                Next::Closed => break,
            }
            // Other tasks run as well, also if a handler never waits.
            consume_budget().await;
            next = self.queue.try_next();
        }
    }

    async fn item(&mut self, published: Published) {
        let outcome = self.handle(published).await;
        metrics::handled(&self.name, outcome.is_ok());
        if let Err(error) = outcome {
            self.app.report_error(self.name.as_str(), error);
        }
        self.done(1);
        if self.missed > 0 && self.queue.len() == 0 {
            let (name, missed) = (&self.name, std::mem::take(&mut self.missed));
            tracing::info!(handler = %name, missed, "the handler of events keeps up again");
        }
    }

    async fn handle(&self, published: Published) -> Result<()> {
        let event_type = published.payload.event_type();
        let Some((event, call)) = event_type.and_then(|it| self.list.calls.get(&it)) else {
            return Ok(());
        };
        // The handler may panic before it returns its future.
        let handled = AssertUnwindSafe(async { call(published).await }).catch_unwind();
        let outcome = tokio::select! {
            biased;
            outcome = handled => outcome,
            () = self.clock.limit(self.limit) => {
                return Err(anyhow!(
                    "the event `{event}` was not handled within {:?}: let the handler do less, or raise `handler_timeout`",
                    self.limit
                ));
            }
        };
        let outcome = outcome.unwrap_or_else(|panic| {
            Err(anyhow!(
                "panicked: {}",
                panic::message(&*panic).unwrap_or("no message")
            ))
        });
        outcome.with_context(|| format!("the event `{event}` was not handled"))
    }

    /// Reports it once, until the handler keeps up again.
    fn lagged(&mut self, missed: u64) {
        metrics::lagged(&self.name, missed);
        if self.missed == 0 {
            let handler = self.name.clone();
            let error = Lagged { handler, missed };
            self.app.report_error(self.name.as_str(), error);
        }
        self.missed += missed;
        self.done(missed);
    }

    fn done(&self, events: u64) {
        self.done.send_modify(|done| *done += events);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.close();
        self.events.detach(&self.queue);
        let lost = self.queue.len();
        if lost > 0 {
            metrics::lagged(&self.name, lost as u64);
            tracing::warn!(handler = %self.name, lost, "events were not handled before the app closed");
        }
    }
}
