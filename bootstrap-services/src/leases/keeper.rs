//! A lease, and the task that keeps it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::Clock;
use crate::leases::{LeaseEngine, metrics};

/// How long a release may take. It is shorter than the limit of a `close` hook, 10 s, and longer than `database.busy_timeout`, 5 s.
const RELEASE: Duration = Duration::from_secs(8);

/// A lease that this instance holds. A task renews it until it is dropped; then it is released.
///
/// It can be lost: its engine can't be reached in time, or the process was suspended for so long that another instance took it. Work that
/// must stop then waits for [`lost`](Self::lost) beside what it does. Work that must not happen twice passes the
/// [`token`](Self::token) to the system that it changes, which refuses a token that is smaller than one it has seen (fencing).
#[must_use = "a lease that is dropped is released"]
#[derive(Debug)]
pub struct Lease {
    name: String,
    token: u64,
    end: watch::Receiver<Option<End>>,
    stop: DropGuard,
}

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Lost,
    /// The release has begun: another instance may hold it at any moment from now on.
    Releasing,
    Released,
}

impl Lease {
    /// Returns the name of the lease.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the fencing token: a number that is greater than those of all earlier holders of this name.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Returns whether this instance holds the lease. The answer may be outdated when it is used.
    pub fn is_held(&self) -> bool {
        self.end.borrow().is_none()
    }

    /// Waits until this instance holds the lease no more: it was lost, or the app closes.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn lost(&self) {
        let mut end = self.end.clone();
        // An error is the end of the task, which holds the lease no more.
        let _ = end.wait_for(Option::is_some).await;
    }

    /// Releases the lease, and returns when another instance can take it. A lease that is dropped is released some time later.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the lease is released all the same.
    pub async fn release(self) {
        let Self { mut end, stop, .. } = self;
        drop(stop);
        let has_ended = |end: &Option<End>| end.is_some_and(|end| end != End::Releasing);
        let _ = end.wait_for(has_ended).await;
    }
}

/// What the task of a lease needs.
pub(super) struct Keeper {
    pub(super) engine: Arc<dyn LeaseEngine>,
    pub(super) clock: Clock,
    pub(super) name: String,
    pub(super) token: u64,
    pub(super) ttl: Duration,
    /// When the lease was taken or renewed, in the time of [`Clock::elapsed`].
    pub(super) renewed: Duration,
}

impl Keeper {
    /// Returns the lease, and the task that keeps it until the lease is dropped or `closing` is cancelled.
    pub(super) fn start(
        self,
        closing: &CancellationToken,
    ) -> (Lease, impl Future<Output = ()> + Send + 'static) {
        let (sender, end) = watch::channel(None);
        let stop = closing.child_token();
        let lease = Lease {
            name: self.name.clone(),
            token: self.token,
            end,
            stop: stop.clone().drop_guard(),
        };
        metrics::acquired(&self.name);
        let clock = self.clock.clone();
        let task = clock.work(async move {
            let name = self.name.clone();
            let end = self.keep(&stop, &sender).await;
            metrics::ended(&name, end == End::Lost);
            sender.send_replace(Some(end));
        });
        (lease, task)
    }

    async fn keep(mut self, stop: &CancellationToken, ends: &watch::Sender<Option<End>>) -> End {
        let mut next = self.renewed + self.ttl / 3;
        loop {
            let pause = next.saturating_sub(self.clock.elapsed());
            tokio::select! {
                biased;
                () = stop.cancelled() => return self.release(ends).await,
                () = self.clock.sleep(pause) => {}
            }
            let asked = self.clock.elapsed();
            let renewed = tokio::select! {
                biased;
                () = stop.cancelled() => return self.release(ends).await,
                renewed = self.renew(asked) => renewed,
            };
            match renewed {
                Some(true) => {
                    self.renewed = asked;
                    next = asked + self.ttl / 3;
                }
                Some(false) => return self.lost("another instance took it"),
                None if self.clock.elapsed() >= self.deadline() => {
                    return self.lost("it could not be renewed in time");
                }
                None => next = self.clock.elapsed() + self.ttl / 12,
            }
        }
    }

    /// Until when this instance treats the lease as held. Another one may take it after two thirds of its time without
    /// a renewal if the wall clocks disagree.
    fn deadline(&self) -> Duration {
        self.renewed + self.ttl * 2 / 3
    }

    /// Returns `None` if the engine did not answer.
    async fn renew(&self, asked: Duration) -> Option<bool> {
        let rest = self.deadline().saturating_sub(asked);
        let renewing = self.engine.renew(&self.name, self.token, self.clock.now());
        // Not a sleep of the clock: virtual time would pass while the engine works.
        match timeout(rest, renewing).await {
            Ok(Ok(held)) => Some(held),
            Ok(Err(error)) => {
                tracing::warn!(lease = self.name, %error, "a lease was not renewed; another attempt follows");
                None
            }
            Err(_) => None,
        }
    }

    fn lost(&self, why: &str) -> End {
        tracing::warn!(
            lease = self.name,
            token = self.token,
            "the lease is lost: {why}"
        );
        End::Lost
    }

    async fn release(&self, ends: &watch::Sender<Option<End>>) -> End {
        ends.send_replace(Some(End::Releasing));
        let releasing = timeout(RELEASE, self.engine.release(&self.name, self.token));
        let released = releasing.await.unwrap_or_else(|_| {
            let error = anyhow!("the engine did not answer within {RELEASE:?}");
            Err(error)
        });
        if let Err(error) = released {
            tracing::warn!(lease = self.name, %error, "a lease was not released; it expires after {:?}", self.ttl);
        }
        End::Released
    }
}
