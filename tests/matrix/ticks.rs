//! A future polled by hand, between any two things that its runtime does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// A runtime that goes back to the future that it blocks on after every task that it polls.
pub fn fine_grained() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .event_interval(1)
        .build()
        .unwrap()
}

/// Ticks: a task is polled between two of them or, when all of them wait, time goes on by up to a
/// millisecond.
pub struct Ticks {
    /// Set by a task that stands at the end of the queue of the runtime.
    round_is_over: Arc<AtomicBool>,
    in_round: usize,
    pub count: usize,
}

impl Ticks {
    pub fn start() -> Self {
        Self {
            round_is_over: Arc::new(AtomicBool::new(true)),
            in_round: 0,
            count: 0,
        }
    }

    pub async fn next(&mut self) {
        if self.round_is_over.load(Ordering::Relaxed) {
            if self.in_round == 1 {
                // It saw no task but its own.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.begin_round();
        }
        self.count += 1;
        self.in_round += 1;
        make_way().await;
    }

    fn begin_round(&mut self) {
        self.in_round = 0;
        self.round_is_over.store(false, Ordering::Relaxed);
        let round_is_over = Arc::clone(&self.round_is_over);
        tokio::spawn(async move { round_is_over.store(true, Ordering::Relaxed) });
    }
}

/// Lets the runtime poll one task.
async fn make_way() {
    let mut has_waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls once, whether or not anybody woke it.
pub async fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
