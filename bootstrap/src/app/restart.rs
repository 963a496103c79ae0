//! Restarting a part of a running app.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
#[cfg(feature = "config")]
use tokio::time::Instant;

#[cfg(feature = "config")]
use crate::app::outside::{Patience, Waited};
#[cfg(feature = "config")]
use crate::base::apart::{Apart, Doing};
use crate::base::log::log;
use crate::base::pulse::Pulse;
#[cfg(feature = "config")]
use crate::base::time::later;
use crate::boot;
use crate::close::{self, After, Closing};
use crate::life::{RestartError, RestartRefusal, RestartRequest, ShutdownReason, Target};
use crate::live::{Nodes, Part, Settings};
#[cfg(feature = "config")]
use crate::plan::Readers;
use crate::report::HookError;
use crate::run::Tasks;
#[cfg(feature = "config")]
use crate::values::Fault;

/// What a restart works with.
pub(super) struct Restart<'a> {
    pub(super) nodes: &'a Arc<Nodes>,
    pub(super) settings: &'a Settings,
    pub(super) tasks: &'a Arc<Tasks>,
}

impl Restart<'_> {
    /// Does one restart after the other, until the app is asked to stop. Those that wait then are
    /// refused with the reason.
    pub(super) async fn as_asked(&self, mut requests: UnboundedReceiver<RestartRequest>) {
        self.one_by_one(&mut requests).await;
        requests.close();
        while let Ok(request) = requests.try_recv() {
            let reason = self.nodes.life.reason();
            let _ = request
                .answer
                .send(Err(RestartRefusal::Stopping { reason }.into()));
        }
    }

    async fn one_by_one(&self, requests: &mut UnboundedReceiver<RestartRequest>) {
        let stop = self.nodes.life.stop_token();
        loop {
            let request = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                request = requests.recv() => request,
            };
            let Some(RestartRequest {
                target,
                asker,
                answer,
            }) = request
            else {
                return stop.cancelled().await;
            };
            let _pulse = Pulse::begin();
            let done = match self.node(target) {
                Ok(node) => self.part(node, asker).await,
                Err(error) => Err(error),
            };
            // The caller may not wait for it any more.
            let _ = answer.send(done);
        }
    }

    fn node(&self, target: Target) -> Result<u32, RestartError> {
        let nodes = &self.nodes;
        match target {
            Target::Node(node) => Ok(node),
            Target::Name(name) => {
                let is_it = |node: &u32| *nodes.name(*node) == *name && !nodes.has_gone(*node);
                let node = nodes.all().find(is_it);
                node.ok_or_else(|| {
                    let absent = self.absent(&name);
                    absent
                        .unwrap_or(RestartRefusal::Unknown { plugin: name })
                        .into()
                })
            }
            Target::NoNode(plugin) => {
                let absent = self.absent(plugin.base());
                let plugin = plugin.to_string();
                Err(absent.unwrap_or(RestartRefusal::Unknown { plugin }).into())
            }
            Target::Foreign => Err(RestartRefusal::Unknown {
                plugin: "a registration of another app".to_owned(),
            }
            .into()),
        }
    }

    /// Why a plugin of this name did not become part of the app, if it is known.
    fn absent(&self, name: &str) -> Option<RestartRefusal> {
        let plan = &self.nodes.plan;
        let mut off = plan.disabled().iter();
        if let Some(off) = off.find(|off| off.place.plugin == *name) {
            let plugin = off.place.plugin.clone();
            let because = format!("it is disabled because {}", off.because);
            return Some(RestartRefusal::Absent { plugin, because });
        }
        let skipped = plan.skipped().iter().find(|skipped| **skipped == *name)?;
        Some(RestartRefusal::Absent {
            plugin: skipped.clone(),
            because: "no plugin needs it, so it was left out".to_owned(),
        })
    }

    async fn part(&self, node: u32, asker: Option<u32>) -> Result<(), RestartError> {
        let part = self.nodes.part(node);
        if asker.is_some_and(|asker| part.has(asker)) {
            return Err(RestartRefusal::WaitsForItself.into());
        }
        let name = self.nodes.name(node);
        if let Some(once) = self.nodes.once_in(&part) {
            let plugin = self.nodes.name(once).clone();
            return Err(RestartRefusal::Once { plugin }.into());
        }
        if let Some(lost) = self.nodes.lost_in(&part) {
            let plugin = self.nodes.name(lost).clone();
            return Err(RestartRefusal::Lost { plugin }.into());
        }
        #[cfg(feature = "config")]
        self.read_configuration().await?;
        log(|| {
            tracing::info!(target: "bootstrap", "`{name}` restarts, with what depends on it");
        });
        let reason = ShutdownReason::Restart(name.clone());
        let to_load = self.nodes.dismiss_joined(&part);
        self.close(&part, After::Restart, reason.clone()).await;
        let loaded = boot::load_again(self.nodes, self.settings, self.tasks, &to_load).await;
        // With what the part has brought into the app since.
        let part = self.nodes.part(node);
        let Err(failure) = loaded else {
            self.tasks.spawn_hooks(Some(&part));
            return Ok(());
        };
        let failures = failure.into_errors();
        let rollback = self.close(&part, After::FailedPart, reason).await;
        if failures.iter().all(HookError::is_late) {
            // The app was asked to stop first. What failed after that is part of its end.
            for error in failures {
                self.tasks.keep_failure(error);
            }
            return Err(RestartError::Interrupted);
        }
        if !self.settings.tolerates_failed_restarts {
            for error in &failures {
                self.tasks.keep_failure(error.clone());
            }
            let reason = ShutdownReason::RestartFailed(name.clone());
            self.nodes.life.request_stop(reason);
        }
        Err(RestartError::Failed { failures, rollback })
    }

    /// Reads the configuration anew, and keeps it if nothing is wrong with it.
    ///
    /// What blocks meanwhile is left behind when the app has to stop, or the time of a load is up.
    #[cfg(feature = "config")]
    async fn read_configuration(&self) -> Result<(), RestartError> {
        let outside = self.nodes.outside();
        if !outside.is_there() {
            return Ok(());
        }
        let members = self.nodes.all().filter(|node| !self.nodes.has_gone(*node));
        let members = members.map(|node| (self.nodes.member(node), self.nodes.name(node)));
        let readers = Readers::running(members, &self.nodes.plan);
        let doing = Doing::default();
        let noted = doing.clone();
        let read = Apart::run(move || {
            let outside = outside.again(&noted);
            let (faults, warnings) = readers.check(&outside, &noted);
            (outside, faults, warnings)
        });
        let limit = self.settings.load_timeout;
        let patience = Patience {
            stop: self.nodes.life.stop_token(),
            until: limit.map(|limit| later(Instant::now(), limit)),
        };
        let (outside, faults, warnings) = match patience.wait(read, &doing).await {
            Waited::For(read) => read,
            Waited::Stopped(_) => return Err(RestartError::Interrupted),
            Waited::TooLong(does) => {
                let fault = Fault::too_slow(limit.unwrap_or_default(), does).read_by(None);
                let faults = vec![fault];
                return Err(RestartRefusal::Configuration { faults }.into());
            }
        };
        for warning in warnings {
            log(|| tracing::warn!(target: "bootstrap", "{warning}"));
        }
        if faults.is_empty() {
            self.nodes.set_outside(outside);
            return Ok(());
        }
        Err(RestartRefusal::Configuration { faults }.into())
    }

    async fn close(&self, part: &Part, after: After, reason: ShutdownReason) -> Vec<HookError> {
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
