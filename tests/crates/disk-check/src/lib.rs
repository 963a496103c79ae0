//! One health check of many. Nobody would miss it by itself: who asks for *all* health checks gets
//! one less. So the binary links it, and expects it.

use std::sync::Arc;

use bootstrap::prelude::*;
use shop_interfaces::HealthCheck;

struct Disk;

impl HealthCheck for Disk {
    fn complaint(&self) -> Option<String> {
        None
    }
}

/// Provides a [`HealthCheck`].
#[plugin(name = "disk-check", ports = [dyn HealthCheck])]
#[derive(Debug)]
pub struct DiskCheck;

impl Hooks for DiskCheck {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn HealthCheck>> {
        Ok(Arc::new(Disk))
    }
}
