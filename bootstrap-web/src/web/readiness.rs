//! Whether requests should be sent to this process, for probes.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether a load balancer should send requests to this process: it should while nothing has reported a
/// reason against it.
///
/// Returned by [`Web::readiness`](crate::Web::readiness). The server reports that it drains, and that the process is
/// out of file descriptors; plugins may report reasons of their own. Requests are answered all the same.
/// A cheap handle.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_web::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> bootstrap::Result<()> {
/// let running = App::new().with(WebPlugin::default()).boot().await?;
/// let web = running.try_get::<State<Web>>()?;
/// assert!(web.readiness().is_ready());
///
/// web.readiness().set_not_ready("draining");
/// assert_eq!(web.readiness().reason().as_deref(), Some("draining"));
///
/// web.readiness().withdraw("draining");
/// assert!(web.readiness().is_ready());
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Readiness {
    reasons: Arc<Mutex<Vec<Cow<'static, str>>>>,
}

impl Readiness {
    /// Returns whether requests should be sent here.
    pub fn is_ready(&self) -> bool {
        self.reasons().is_empty()
    }

    /// Returns why not: all reasons, in the order in which they were reported.
    pub fn reason(&self) -> Option<String> {
        let reasons = self.reasons();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }

    /// Reports a reason why no requests should be sent here. Reporting it again changes nothing.
    pub fn set_not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        let reason = reason.into();
        let mut reasons = self.reasons();
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }

    /// Withdraws a reason. Other reasons stay.
    pub fn withdraw(&self, reason: &str) {
        self.reasons().retain(|known| known != reason);
    }

    fn reasons(&self) -> MutexGuard<'_, Vec<Cow<'static, str>>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        f.debug_tuple("Readiness")
            .field(&reason.as_deref().unwrap_or("ready"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;

    #[test]
    fn each_reason_is_reported_once_and_withdrawn_by_itself() {
        let readiness = Readiness::default();
        readiness.set_not_ready("draining");
        readiness.set_not_ready("out of file descriptors");
        readiness.set_not_ready("draining");
        let reason = readiness.reason();
        assert_eq!(reason.as_deref(), Some("draining, out of file descriptors"));
        readiness.withdraw("draining");
        assert!(!readiness.is_ready());
        readiness.withdraw("out of file descriptors");
        assert!(readiness.is_ready());
        assert_eq!(readiness.reason(), None);
    }
}
