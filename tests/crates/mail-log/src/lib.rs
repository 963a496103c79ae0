//! Mail into the log, for developers. The other crate that provides a `dyn Mailer`.

use std::sync::Arc;

use bootstrap::prelude::*;
use shop_interfaces::{Mail, Mailer};

struct Log;

impl Mailer for Log {
    fn send(&self, mail: &Mail) -> String {
        format!("mail to {} into the log", mail.to)
    }
}

/// Provides a [`Mailer`].
#[plugin(name = "mail-log", ports = [dyn Mailer])]
#[derive(Debug)]
pub struct MailLog;

impl Hooks for MailLog {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Log))
    }
}
