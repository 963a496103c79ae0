//! Closing what a plugin brought with it that has failed, while the boot goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::base::task::spawn_apart;
use crate::base::tracker::Tracker;
use crate::close::{self, After, Closing};
use crate::life::ShutdownReason;
use crate::live::{Nodes, Part, Settings};
use crate::run::Tasks;

pub(super) struct Rollback {
    nodes: Arc<Nodes>,
    settings: Settings,
    tasks: Arc<Tasks>,
    busy: Tracker,
}

type Closed = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Rollback {
    pub(super) fn new(nodes: &Arc<Nodes>, settings: &Settings, tasks: &Arc<Tasks>) -> Self {
        Self {
            nodes: Arc::clone(nodes),
            settings: settings.clone(),
            tasks: Arc::clone(tasks),
            busy: Tracker::default(),
        }
    }

    /// Closes a node that has failed, and what it brought with it; `None` if there is nothing to
    /// close.
    pub(super) fn of_unit(&self, top: u32) -> Option<Closed> {
        let unit = self.nodes.unit(top);
        let holds = self.nodes.holds_any(&unit);
        holds.then(|| self.close(top, unit))
    }

    /// Waits for what an attempt to load a node has brought with it, and closes it.
    pub(super) fn of_attempt(&self, node: u32) -> Closed {
        let nodes = Arc::clone(&self.nodes);
        let unit = Part::of(nodes.brought_by(node));
        let closed = self.close(node, unit);
        Box::pin(async move {
            nodes.all_ended(node).await;
            closed.await;
            nodes.let_go_of_brought(node);
        })
    }

    fn close(&self, top: u32, unit: Part) -> Closed {
        let (nodes, tasks) = (Arc::clone(&self.nodes), Arc::clone(&self.tasks));
        let settings = self.settings.clone();
        Box::pin(async move {
            // Its errors are logged and told; the outcome of the boot is another.
            close::close(Closing {
                nodes: &nodes,
                settings: &settings,
                reason: ShutdownReason::RolledBack(nodes.name(top).clone()),
                after: After::FailedPart,
                part: Some(&unit),
                tasks: Arc::clone(&tasks),
                hooks: Vec::new(),
            })
            .await;
            tasks.readmit(&unit);
        })
    }

    pub(super) fn spawn(&self, rollback: impl Future<Output = ()> + Send + 'static) {
        spawn_apart(&Handle::current(), self.busy.track(rollback));
    }

    /// Waits for all that were spawned.
    pub(super) async fn all_done(&self) {
        self.busy.all_ended().await;
    }
}
