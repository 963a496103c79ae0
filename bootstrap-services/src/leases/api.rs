//! The state `Leases`.

use std::collections::HashMap;
use std::fmt;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::leases::keeper::Keeper;
use crate::leases::{Claim, Lease, LeaseEngine, LeaseError, Record, Version};

/// The longest name.
const LONGEST_NAME: usize = 200;

const SHORTEST_TTL: Duration = Duration::from_secs(1);

const LONGEST_TTL: Duration = Duration::from_hours(24);

/// What one instance at a time may do: a state of [`LeasesPlugin`](crate::leases::LeasesPlugin).
///
/// # How time counts
///
/// The wall clocks of two processes may differ, and may be set. So an instance takes a lease that another one holds only if the holder has not
/// renewed it while this instance watched, by its own monotonic clock: for the whole time to live of the lease, or
/// for two thirds of it if the wall clock says that it has expired. A holder renews at a third, and treats its
/// lease as lost at two thirds. A wall clock that is set, forward or back, neither keeps a lease nor loses one.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::leases::Leases;
///
/// /// Sends mail in one instance at a time.
/// #[plugin(name = "mailer")]
/// struct Mailer {
///     leases: State<Leases>,
/// }
///
/// impl Hooks for Mailer {
///     async fn run(&self, cx: &RunContext<Self>) -> Result<()> {
///         while !cx.is_stopped() {
///             let lease = tokio::select! {
///                 lease = self.leases.hold("mailer") => lease?,
///                 () = cx.stopped() => break,
///             };
///             tokio::select! {
///                 () = send_mail(lease.token()) => {}
///                 () = lease.lost() => {}
///                 () = cx.stopped() => {}
///             }
///         }
///         Ok(())
///     }
/// }
/// # async fn send_mail(_: u64) {}
/// ```
#[derive(Clone)]
pub struct Leases {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<dyn LeaseEngine>,
    clock: Clock,
    ttl: Duration,
    holder: String,
    /// The versions that this instance has seen of the leases of others, and since when.
    seen: Mutex<HashMap<String, (Version, Duration)>>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Leases {
    /// Creates the leases of one instance. [`hold`](Self::hold) uses `ttl`. A [plugin](crate::leases::LeasesPlugin) does this for an app.
    pub fn new(engine: Arc<dyn LeaseEngine>, clock: Clock, ttl: Duration) -> Self {
        let started = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let inner = Inner {
            engine,
            clock,
            ttl,
            // The id of a process is used again.
            holder: format!("{}-{}", process::id(), started.as_millis()),
            seen: Mutex::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Takes a lease for work that ends by itself, or returns `None` if another instance, or another task of this one, holds it. It is renewed
    /// until the [`Lease`] is dropped.
    ///
    /// `ttl` is the time from 1 s to 24 h after which another instance can take it if this process dies. If the last holder died,
    /// this may take two thirds of the holder's time to be sure of it.
    ///
    /// # Errors
    ///
    /// - [`LeaseError::InvalidName`], [`LeaseError::InvalidTtl`] for a bad argument
    /// - [`LeaseError::Engine`] if the engine fails
    /// - [`LeaseError::Closed`] if the app has closed the leases
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the lease may have been taken; then it expires after `ttl`.
    pub async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>, LeaseError> {
        check(name)?;
        if !(SHORTEST_TTL..=LONGEST_TTL).contains(&ttl) {
            return Err(LeaseError::InvalidTtl { ttl });
        }
        loop {
            if self.inner.closing.is_cancelled() {
                return Err(LeaseError::Closed);
            }
            let record = self.read(name).await?;
            match record
                .as_ref()
                .map_or(Chance::Now, |record| self.chance(name, record))
            {
                Chance::Now => {
                    return self
                        .take(name, record.map(|record| record.version), ttl)
                        .await;
                }
                Chance::After(pause) => tokio::select! {
                    () = self.inner.clock.sleep(pause) => {}
                    () = self.inner.closing.cancelled() => {}
                },
                Chance::None => return Ok(None),
            }
        }
    }

    /// Takes a lease as soon as no other instance holds it: for a task of which one runs in all instances. The time to live is
    /// `leases.ttl`.
    ///
    /// If the engine fails, it is tried again, with a warning in the log.
    ///
    /// # Errors
    ///
    /// - [`LeaseError::InvalidName`] for a bad name
    /// - [`LeaseError::Closed`] if the app has closed the leases
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn hold(&self, name: &str) -> Result<Lease, LeaseError> {
        let ttl = self.inner.ttl;
        loop {
            match self.acquire(name, ttl).await {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => {}
                Err(error @ LeaseError::Engine { .. }) => {
                    tracing::warn!(lease = name, %error, "a lease was not acquired; another attempt follows");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = self.inner.closing.cancelled() => return Err(LeaseError::Closed),
                () = self.inner.clock.sleep(ttl / 6) => {}
            }
        }
    }

    /// Claims an occurrence, and returns whether this call is the one that claimed it: of all instances, one gets `true`. Occurrences
    /// of a name are claimed in order: one that is not later than the last claimed one is refused.
    ///
    /// Times count in whole milliseconds.
    ///
    /// # Errors
    ///
    /// [`LeaseError::InvalidName`], or [`LeaseError::Engine`] if the engine fails.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the occurrence may have been claimed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::{Duration, SystemTime};
    /// # use bootstrap_services::clock::Clock;
    /// # use bootstrap_services::leases::{LeaseError, Leases, MemoryLeases};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), LeaseError> {
    /// # let leases = Leases::new(Arc::new(MemoryLeases::default()), Clock::system(), Duration::from_secs(15));
    /// let noon = SystemTime::UNIX_EPOCH + Duration::from_hours(12);
    /// assert!(leases.once("report", noon).await?);
    /// assert!(!leases.once("report", noon).await?);
    /// assert_eq!(leases.last("report").await?, Some(noon));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn once(&self, name: &str, at: SystemTime) -> Result<bool, LeaseError> {
        check(name)?;
        let claimed = self.inner.engine.claim(name, whole_millis(at)).await;
        claimed.map_err(engine("claim the occurrence", name))
    }

    /// Returns the last occurrence that was claimed.
    ///
    /// # Errors
    ///
    /// [`LeaseError::InvalidName`], or [`LeaseError::Engine`] if the engine fails.
    pub async fn last(&self, name: &str) -> Result<Option<SystemTime>, LeaseError> {
        check(name)?;
        let last = self.inner.engine.last(name).await;
        last.map_err(engine("read the last occurrence of", name))
    }

    /// Checks that the engine answers.
    ///
    /// # Errors
    ///
    /// If the engine fails.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.inner.engine.read("health").await.map(drop)
    }

    /// Releases all leases of this instance, and takes no more.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    async fn read(&self, name: &str) -> Result<Option<Record>, LeaseError> {
        let record = self.inner.engine.read(name).await;
        record.map_err(engine("read the lease", name))
    }

    /// Decides whether a lease can be taken.
    fn chance(&self, name: &str, record: &Record) -> Chance {
        if !record.held {
            self.forget(name);
            return Chance::Now;
        }
        let ttl = record.claim.ttl;
        let age = self
            .inner
            .clock
            .now()
            .duration_since(record.claim.renewed_at);
        let looks_expired = age.is_ok_and(|age| age >= ttl);
        let least = if looks_expired { ttl * 2 / 3 } else { ttl };
        let rest = least.saturating_sub(self.unchanged_for(name, record.version));
        match rest {
            Duration::ZERO => Chance::Now,
            rest if looks_expired => Chance::After(rest),
            _ => Chance::None,
        }
    }

    /// How long this instance has seen this version.
    fn unchanged_for(&self, name: &str, version: Version) -> Duration {
        let now = self.inner.clock.elapsed();
        let mut seen = self
            .inner
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (known, since) = seen.entry(name.to_owned()).or_insert((version, now));
        if *known != version {
            (*known, *since) = (version, now);
        }
        now.saturating_sub(*since)
    }

    fn forget(&self, name: &str) {
        let mut seen = self
            .inner
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        seen.remove(name);
    }

    async fn take(
        &self,
        name: &str,
        seen: Option<Version>,
        ttl: Duration,
    ) -> Result<Option<Lease>, LeaseError> {
        let renewed = self.inner.clock.elapsed();
        let claim = Claim {
            holder: self.inner.holder.clone(),
            ttl,
            renewed_at: self.inner.clock.now(),
        };
        let token = self.inner.engine.take(name, seen, &claim).await;
        let Some(token) = token.map_err(engine("take the lease", name))? else {
            return Ok(None);
        };
        self.forget(name);
        let keeper = Keeper {
            engine: self.inner.engine.clone(),
            clock: self.inner.clock.clone(),
            name: name.to_owned(),
            token,
            ttl,
            renewed,
        };
        let (lease, task) = keeper.start(&self.inner.closing);
        self.inner.tasks.spawn(task);
        Ok(Some(lease))
    }
}

/// Whether a lease can be taken.
enum Chance {
    Now,
    /// If it does not change meanwhile.
    After(Duration),
    None,
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases")
            .field("holder", &self.inner.holder)
            .finish_non_exhaustive()
    }
}

fn check(name: &str) -> Result<(), LeaseError> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(LeaseError::InvalidName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn engine(doing: &'static str, name: &str) -> impl FnOnce(anyhow::Error) -> LeaseError {
    let name = name.to_owned();
    move |source| LeaseError::Engine {
        doing,
        name,
        source,
    }
}

/// Engines store whole milliseconds, so two times in the same one are the same occurrence.
fn whole_millis(at: SystemTime) -> SystemTime {
    let Ok(since) = at.duration_since(UNIX_EPOCH) else {
        return at;
    };
    UNIX_EPOCH
        + Duration::from_secs(since.as_secs())
        + Duration::from_millis(since.subsec_millis().into())
}
