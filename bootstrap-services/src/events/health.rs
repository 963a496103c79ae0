//! The health check of events.

use anyhow::Result;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;

use crate::events::Events;

/// Fails while the app has a bus that is not connected. Not critical: local events do not need it.
#[async_trait]
impl HealthCheck for Events {
    async fn check(&self) -> Result<()> {
        self.check_bus()
    }

    fn critical(&self) -> bool {
        false
    }
}
