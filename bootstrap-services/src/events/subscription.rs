//! `Subscription`: a stream of events.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

use crate::events::board::EventQueue;
use crate::events::queue::Next;
use crate::events::{Event, Events, Published, metrics};

/// The events of one type, or those that match a pattern, from [`Events::on`] and [`Events::matching`].
///
/// It yields `Arc<E>` for the type `E`, and [`Published`] for a pattern. It ends when the app has closed. A
/// subscription that is dropped is removed.
///
/// It is a [`Stream`] as well, whose items are the results of [`recv`](Self::recv), and which ends instead of
/// returning [`RecvError::Closed`].
pub struct Subscription<T> {
    events: Events,
    queue: EventQueue,
    item: PhantomData<fn() -> T>,
}

/// Why a subscription has no event to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The reader was too slow: its queue was full, and the oldest events were dropped. The next call returns the oldest
    /// event that is left.
    #[error("the subscription missed {0} events: read faster, or set `events.queue` to more")]
    Lagged(u64),
    /// The app has closed.
    #[error("the subscription has ended, because the app has closed: stop reading")]
    Closed,
}

/// What a subscription yields for an event.
pub trait Receive: sealed::Sealed {
    /// `Arc<E>` for events of the type `E`.
    type Item;

    #[doc(hidden)]
    fn receive(published: Published) -> Option<Self::Item>;
}

mod sealed {
    pub trait Sealed {}
    impl<E: super::Event> Sealed for E {}
    impl Sealed for super::Published {}
}

impl<E: Event> Receive for E {
    type Item = Arc<E>;

    fn receive(published: Published) -> Option<Arc<E>> {
        published.payload.into_any().downcast().ok()
    }
}

impl Receive for Published {
    type Item = Self;

    fn receive(published: Published) -> Option<Self> {
        Some(published)
    }
}

impl<T: Receive> Subscription<T> {
    pub(super) fn of(events: Events, queue: EventQueue) -> Self {
        Self {
            events,
            queue,
            item: PhantomData,
        }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if events were dropped since the last call; the subscription goes on.
    /// [`RecvError::Closed`] after the last event of an app that has closed.
    ///
    /// # Cancel safety
    ///
    /// No event is lost if the future is dropped.
    pub async fn recv(&mut self) -> Result<T::Item, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<T::Item, RecvError>> {
        loop {
            return Poll::Ready(match ready!(self.queue.poll_next(cx)) {
                Next::Item(published) => match T::receive(published) {
                    Some(item) => Ok(item),
                    // Readers of a type get that type only.
                    None => continue,
                },
                Next::Missed(missed) => {
                    metrics::lagged("subscription", missed);
                    Err(RecvError::Lagged(missed))
                }
                Next::Closed => Err(RecvError::Closed),
            });
        }
    }
}

impl<T: Receive> Stream for Subscription<T> {
    type Item = Result<T::Item, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.poll_recv(cx));
        Poll::Ready(Some(next).filter(|it| !matches!(it, Err(RecvError::Closed))))
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        self.events.detach(&self.queue);
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}
