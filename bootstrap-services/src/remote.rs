//! Calls to an engine on another machine: each within a limit, and none for a while after one has failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{anyhow, ensure};

use crate::clock::Clock;

/// How long an engine is left alone after a call has failed, so that an engine that hangs does not slow down every caller.
const REST: Duration = Duration::from_secs(1);

/// What is known of an engine on another machine.
#[derive(Debug)]
pub(crate) struct Remote {
    /// As messages name it: `the shared cache`.
    name: &'static str,
    clock: Clock,
    limit: Duration,
    /// Until when no call is made, on the clock; `None` while the engine answers.
    rests_until: Mutex<Option<Duration>>,
}

impl Remote {
    /// `option` is the name of the option that `limit` is the value of.
    ///
    /// # Errors
    ///
    /// If the limit is zero: an engine could never answer in time.
    pub(crate) fn new(
        name: &'static str,
        clock: Clock,
        (option, limit): (&str, Duration),
    ) -> anyhow::Result<Self> {
        ensure!(
            !limit.is_zero(),
            "`{option}` is zero, so {name} could never answer in time: set a longer one, as 250 ms"
        );
        Ok(Self {
            name,
            clock,
            limit,
            rests_until: Mutex::default(),
        })
    }

    /// Makes a call, unless the last one failed less than a second ago. Changes are logged once.
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        if self.rests() {
            return Err(anyhow!("{} did not answer a moment ago", self.name));
        }
        let limit = self.limit;
        let result = tokio::select! {
            biased;
            result = call => result,
            () = self.clock.limit(limit) => Err(anyhow!("{} did not answer within {limit:?}", self.name)),
        };
        match &result {
            Ok(_) => self.succeeded(),
            Err(error) => self.failed(error),
        }
        result
    }

    pub(crate) fn failed(&self, error: &anyhow::Error) {
        let until = self.clock.elapsed().saturating_add(REST);
        if self.until().replace(until).is_none() {
            tracing::warn!("{} failed: {error:#}", self.name);
        }
    }

    pub(crate) fn succeeded(&self) {
        if self.until().take().is_some() {
            tracing::info!("{} answers again", self.name);
        }
    }

    fn rests(&self) -> bool {
        let until = *self.until();
        until.is_some_and(|until| self.clock.elapsed() < until)
    }

    fn until(&self) -> MutexGuard<'_, Option<Duration>> {
        self.rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
