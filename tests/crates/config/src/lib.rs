//! The configuration. Its state is a type of this crate, so whoever needs it names this crate in a
//! field, and that is link enough.

use bootstrap::prelude::*;

/// What the shop is told from outside.
#[derive(Debug)]
pub struct Config {
    /// Where the database is.
    pub database: String,
    /// Which host takes mail.
    pub mail_host: String,
}

/// Makes the [`Config`].
#[plugin(name = "config", states = [Config])]
#[derive(Debug)]
pub struct ConfigPlugin {
    /// Which host takes mail.
    #[option(default = "mail.example".into())]
    pub mail_host: String,
}

impl Hooks for ConfigPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
        Ok(Config {
            database: "shop.db".into(),
            mail_host: self.mail_host.clone(),
        })
    }
}
