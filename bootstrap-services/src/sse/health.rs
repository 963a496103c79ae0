//! The health check of the hub.

use anyhow::Result;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;

use crate::sse::SseHub;

/// Fails while the app has a bus that is not connected. Not critical: clients of this process do not need it.
#[async_trait]
impl HealthCheck for SseHub {
    async fn check(&self) -> Result<()> {
        self.check_bus()
    }

    fn critical(&self) -> bool {
        false
    }
}
