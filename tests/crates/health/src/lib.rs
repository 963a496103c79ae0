//! Asks all health checks that there are, whoever provides them.

use bootstrap::prelude::*;
use shop_interfaces::HealthCheck;

/// How the shop is.
#[derive(Debug)]
pub struct Health {
    checks: Ports<dyn HealthCheck>,
}

impl Health {
    /// What each check says, with the name of its plugin.
    pub fn report(&self) -> String {
        if self.checks.is_empty() {
            return "nobody looks after the shop".to_owned();
        }
        let say = |plugin, complaint: Option<String>| {
            format!("{plugin}: {}", complaint.as_deref().unwrap_or("fine"))
        };
        let checks = self.checks.iter();
        let said = checks.map(|(plugin, check)| say(plugin, check.complaint()));
        let said: Vec<String> = said.collect();
        said.join(", ")
    }
}

/// Makes the [`Health`].
#[plugin(name = "health", states = [Health])]
#[derive(Debug)]
pub struct HealthPlugin {
    checks: Ports<dyn HealthCheck>,
}

impl Hooks for HealthPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Health> {
        Ok(Health {
            checks: self.checks.clone(),
        })
    }
}
