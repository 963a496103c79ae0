//! Mail over SMTP. No crate asks for this one, only for a `dyn Mailer`: a binary has to link it.

use std::sync::Arc;

use bootstrap::prelude::*;
use shop_config::Config;
use shop_interfaces::{Mail, Mailer};

struct Connection {
    host: String,
}

impl Mailer for Connection {
    fn send(&self, mail: &Mail) -> String {
        format!("mail to {} over {}", mail.to, self.host)
    }
}

/// Provides a [`Mailer`].
#[plugin(name = "smtp", ports = [dyn Mailer])]
#[derive(Debug)]
pub struct Smtp {
    config: State<Config>,
}

impl Hooks for Smtp {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Connection {
            host: self.config.mail_host.clone(),
        }))
    }
}
