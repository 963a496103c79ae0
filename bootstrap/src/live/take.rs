//! Plugins are taken out of their cells to be loaded, for the first time or again.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

use crate::base::phase::Phase;
use crate::collect::Source;
use crate::declare::Plugin;
use crate::live::nodes::Nodes;
use crate::report::Outcome;

impl Nodes {
    /// Notes that a `load` has begun, and takes the plugin out for it, with its fields bound.
    pub(crate) fn take_to_load(
        &self,
        node: u32,
        began: Instant,
        released_by: Option<u32>,
    ) -> Result<Arc<dyn Plugin>> {
        let mut cell = self.cell(node);
        let is_first = cell.load.outcome == Outcome::NotStarted;
        cell.load = self.begun(began, released_by);
        if !is_first {
            cell.begin_again();
        }
        let there = cell.plugin.take();
        let refused = cell.others.as_mut().and_then(|it| it.refused.take());
        drop(cell);
        self.emit(node, Phase::Load, Outcome::Started);
        if let Some(refused) = refused {
            return Err(refused);
        }
        if !is_first {
            self.forget_brought(node);
        }
        let mut plugin = match there {
            Some(plugin) if is_first => plugin,
            Some(plugin) => self.take_again(node, plugin)?,
            None => {
                let built = self.build(node)?;
                built
                    .context("its `load` panicked or was cut short, so it can't be loaded again")?
            }
        };
        self.fill(node, &mut plugin)?;
        #[cfg(feature = "testing")]
        let plugin = self.rigged(node, plugin);
        Ok(plugin)
    }

    /// A plugin that has closed, to be loaded again. A hook that was abandoned, because it blocks its
    /// thread, may still hold it: it stays where it is then, until that hook has ended.
    fn take_again(&self, node: u32, mut plugin: Arc<dyn Plugin>) -> Result<Arc<dyn Plugin>> {
        if let Some(free) = Arc::get_mut(&mut plugin) {
            free.reset();
            return Ok(plugin);
        }
        if let Some(built) = self.build(node)? {
            return Ok(built);
        }
        self.put_back(node, plugin);
        bail!(
            "something still holds the plugin, so it can't be loaded again: a hook that was abandoned, or \
             a handle to a port that the plugin is itself"
        )
    }

    /// Builds a collected plugin; `None` if it is one that was registered.
    fn build(&self, node: u32) -> Result<Option<Arc<dyn Plugin>>> {
        let Source::Collected(declaration) = self.member(node).source else {
            return Ok(None);
        };
        let build = declaration.behaviour.build;
        let build = build.context("the plugin can't be built by default")?;
        Ok(Some(build.build(&self.outside())?))
    }

    /// Puts back a plugin whose `load` failed: for another attempt, or to be let go of.
    pub(crate) fn put_back(&self, node: u32, plugin: Arc<dyn Plugin>) {
        self.cell(node).plugin = Some(plugin);
    }

    /// Takes a plugin out for another attempt.
    pub(crate) fn take_to_try_again(&self, node: u32) -> Result<Arc<dyn Plugin>> {
        let there = {
            let mut cell = self.cell(node);
            cell.others.get_or_insert_default().attempt = Some(Instant::now());
            cell.plugin.take()
        };
        self.emit(node, Phase::Load, Outcome::Started);
        self.forget_brought(node);
        let mut plugin = there.context("the plugin is not there")?;
        let held = "something else holds the plugin";
        Arc::get_mut(&mut plugin).context(held)?.reset();
        self.fill(node, &mut plugin)?;
        Ok(plugin)
    }

    /// Fills the fields of a plugin, and the options that it reads from the configuration.
    fn fill(&self, node: u32, plugin: &mut Arc<dyn Plugin>) -> Result<()> {
        self.bind_fields(node, plugin)?;
        let outside = self.outside();
        let Some(plugin) = Arc::get_mut(plugin).filter(|_| outside.is_there()) else {
            return Ok(());
        };
        let configured = plugin.configure(&outside, self.member(node).prefix.as_deref());
        #[cfg(feature = "config")]
        let configured = configured.map_err(|error| self.misconfigured(node, error));
        configured
    }
}
