//! Restarting a part of a running app.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::base::panic::guard;
use crate::boot;
use crate::close::{self, After, Closing};
use crate::life::{RestartError, RestartRequest, ShutdownReason, Target};
use crate::live::{Nodes, Settings};
use crate::report::PluginError;
use crate::run::Tasks;

/// What a restart works with.
pub(super) struct Restart<'a> {
    pub(super) nodes: &'a Arc<Nodes>,
    pub(super) settings: &'a Settings,
    pub(super) tasks: &'a Arc<Tasks>,
}

impl Restart<'_> {
    /// Does one restart after the other, until the app is asked to stop.
    pub(super) async fn as_asked(&self, requests: &mut UnboundedReceiver<RestartRequest>) {
        let stop = self.nodes.life.stop_token();
        loop {
            let request = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                request = requests.recv() => request,
            };
            let Some(RestartRequest { target, answer }) = request else {
                return stop.cancelled().await;
            };
            let done = match self.node(target) {
                Ok(node) => self.part(node).await,
                Err(error) => Err(error),
            };
            // Whoever asked may not wait for it any more.
            let _ = answer.send(done);
        }
    }

    fn node(&self, target: Target) -> Result<u32, RestartError> {
        let plan = &self.nodes.plan;
        match target {
            Target::Node(node) => node.ok_or_else(|| RestartError::Unknown {
                plugin: "a registration of another app".to_owned(),
            }),
            Target::Name(name) => {
                let found = plan.order().find(|plugin| *plugin.name() == *name);
                let node = found.map(|plugin| plugin.number());
                node.ok_or(RestartError::Unknown { plugin: name })
            }
        }
    }

    async fn part(&self, node: u32) -> Result<(), RestartError> {
        let part = self.nodes.part(node);
        let name = self.nodes.plan.name(node);
        if let Some(once) = self.nodes.once_in(&part) {
            let plugin = self.nodes.plan.name(once).clone();
            return Err(RestartError::Once { plugin });
        }
        let _ = guard(|| {
            tracing::info!(target: "bootstrap", "`{name}` restarts, with what depends on it");
        });
        let reason = ShutdownReason::Restart(name.clone());
        self.close(&part, After::Restart, reason.clone()).await;
        let Err(failure) = boot::load_again(self.nodes, self.settings, &part).await else {
            self.tasks.spawn_hooks(Some(&part));
            return Ok(());
        };
        let failures = failure.into_errors();
        let rollback = self.close(&part, After::FailedRestart, reason).await;
        if failures.is_empty() {
            return Err(RestartError::Interrupted);
        }
        if !self.settings.keeps_down {
            for error in &failures {
                self.tasks.keep_failure(error.clone());
            }
            let reason = ShutdownReason::RestartFailed(name.clone());
            self.nodes.life.request_stop(reason);
        }
        Err(RestartError::Failed { failures, rollback })
    }

    async fn close(&self, part: &[bool], after: After, reason: ShutdownReason) -> Vec<PluginError> {
        let errors = close::close(Closing {
            nodes: self.nodes,
            settings: self.settings,
            reason,
            after,
            part: Some(part),
            tasks: Arc::clone(self.tasks),
            hooks: Vec::new(),
        });
        let errors = errors.await;
        self.tasks.readmit(part);
        errors
    }
}
