//! Counts futures, for callers that wait until all have ended.
//!
//! `TaskTracker` of `tokio-util` does the same, but brings `futures-util` and its macros into every
//! user's build.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::sync::Notify;

/// A handle to one count; its clones share it.
#[derive(Clone, Default)]
pub(crate) struct Tracker(Arc<Count>);

#[derive(Default)]
struct Count {
    running: AtomicUsize,
    is_zero: Notify,
}

impl Tracker {
    /// Counts a future from now until it is dropped, or its task has ended.
    pub(crate) fn track<F>(&self, future: F) -> Tracked<F> {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(Arc::clone(&self.0));
        Tracked { future, counted }
    }

    /// Waits until no future is counted.
    pub(crate) async fn all_ended(&self) {
        loop {
            // Made before the look at the count: from here on it sees every notification.
            let is_zero = self.0.is_zero.notified();
            if self.0.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            is_zero.await;
        }
    }
}

pin_project! {
    /// A future that is counted. Fields drop in this order: the count follows the future.
    pub(crate) struct Tracked<F> {
        #[pin]
        future: F,
        counted: Counted,
    }
}

struct Counted(Arc<Count>);

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.is_zero.notify_waiters();
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    fn is_ready<F: Future>(future: Pin<&mut F>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        future.poll(&mut cx).is_ready()
    }

    #[test]
    fn nothing_counted_is_nothing_to_wait_for() {
        let tracker = Tracker::default();
        assert!(is_ready(pin!(tracker.all_ended())));
        drop(tracker.track(pending::<()>()));
        assert!(is_ready(pin!(tracker.all_ended())));
    }

    #[test]
    fn all_who_wait_are_woken_by_the_last_future_of_any_clone() {
        let tracker = Tracker::default();
        let first = tracker.track(pending::<()>());
        let second = tracker.clone().track(pending::<()>());
        let (mut one, mut other) = (pin!(tracker.all_ended()), pin!(tracker.all_ended()));
        assert!(!is_ready(one.as_mut()) && !is_ready(other.as_mut()));
        drop(first);
        assert!(!is_ready(one.as_mut()) && !is_ready(other.as_mut()));
        drop(second);
        assert!(is_ready(one) && is_ready(other));
    }

    #[test]
    fn a_future_that_is_counted_meanwhile_is_waited_for() {
        let tracker = Tracker::default();
        let first = tracker.track(pending::<()>());
        let mut waits = pin!(tracker.all_ended());
        assert!(!is_ready(waits.as_mut()));
        drop(first);
        let second = tracker.track(pending::<()>());
        assert!(!is_ready(waits.as_mut()));
        drop(second);
        assert!(is_ready(waits));
    }

    /// Notes at its drop whether the tracker still counts it.
    struct Notes<'a>(&'a Tracker, &'a Cell<Option<usize>>);

    impl Drop for Notes<'_> {
        fn drop(&mut self) {
            self.1.set(Some(self.0.0.running.load(Ordering::SeqCst)));
        }
    }

    #[test]
    fn a_future_counts_until_it_has_been_dropped() {
        let (tracker, counted) = (Tracker::default(), Cell::new(None));
        let notes = Notes(&tracker, &counted);
        drop(tracker.track(async move {
            let _notes = notes;
        }));
        assert_eq!(counted.get(), Some(1));
        assert!(is_ready(pin!(tracker.track(ready(7)))));
        assert!(is_ready(pin!(tracker.all_ended())));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tasks_are_waited_for() {
        let (tracker, ended) = (Tracker::default(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..100 {
            let ended = Arc::clone(&ended);
            tokio::spawn(tracker.track(async move {
                tokio::task::yield_now().await;
                ended.fetch_add(1, Ordering::SeqCst);
            }));
        }
        tracker.all_ended().await;
        assert_eq!(ended.load(Ordering::SeqCst), 100);
    }
}
