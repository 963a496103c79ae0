//! Whether the file of the log is written.

use anyhow::bail;
use bootstrap::extend::async_trait;
use bootstrap::health::HealthCheck;

use crate::logger::plugin::LoggerPlugin;

#[async_trait]
impl HealthCheck for LoggerPlugin {
    /// Fails while lines go to stderr because the file can't be written.
    async fn check(&self) -> anyhow::Result<()> {
        match self.fault().await? {
            Some(fault) => bail!("the log file can't be written: {fault}; lines go to stderr"),
            None => Ok(()),
        }
    }

    /// An app whose log goes elsewhere still serves.
    fn critical(&self) -> bool {
        false
    }
}
