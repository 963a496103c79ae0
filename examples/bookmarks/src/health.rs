//! The health of the service, for load balancers: `/readyz` asks it.

use bookmarks_store::Bookmarks;
use bootstrap::prelude::*;
use bootstrap_web::{HealthCheck, async_trait};

/// The service is ready only while it can write.
#[plugin(name = "storage", ports = [self as dyn HealthCheck])]
struct Storage {
    bookmarks: State<Bookmarks>,
}

impl Hooks for Storage {}

#[async_trait]
impl HealthCheck for Storage {
    async fn check(&self) -> Result<()> {
        Ok(self.bookmarks.check().await?)
    }
}
