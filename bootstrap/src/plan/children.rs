//! The declared children of a plan, as its readers see them.

use std::fmt;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::plan::schedule::{Brought, Plan, PlannedPlugin};

impl Plan {
    /// What a node is declared to bring with it.
    pub(crate) fn children_of(&self, node: u32) -> &[Brought] {
        let first = self.children.partition_point(|child| child.node < node);
        let rest = &self.children[first..];
        &rest[..rest.partition_point(|child| child.node == node)]
    }
}

impl<'p> PlannedPlugin<'p> {
    /// The plugins that it is declared to register while it loads, by `child_of = ..` on them or
    /// `children = [..]` on it, and those that they are declared to register. They are no part of
    /// the plan: plugins that need their states wait for this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::prelude::*;
    ///
    /// #[plugin]
    /// struct Server;
    ///
    /// impl Hooks for Server {
    ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
    ///         cx.register(Routes);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// #[plugin(child_of = Server)]
    /// struct Routes;
    ///
    /// impl Hooks for Routes {}
    ///
    /// let plan = App::new().with(Server).plan()?;
    /// let server = plan.order().next().unwrap();
    /// assert_eq!(server.children().next().unwrap().name(), &"server/routes");
    /// # Ok::<(), bootstrap::error::PlanErrors>(())
    /// ```
    pub fn children(&self) -> impl Iterator<Item = PlannedChild<'p>> + use<'p> {
        let children = self.plan.children_of(self.number()).iter();
        children.map(|child| PlannedChild { child })
    }
}

/// A plugin that one of a [`Plan`] is declared to register while it loads.
#[derive(Clone, Copy)]
pub struct PlannedChild<'p> {
    child: &'p Brought,
}

impl<'p> PlannedChild<'p> {
    /// What messages and reports will call it, unless it is registered under a name of its own.
    pub fn name(&self) -> &'p PluginName {
        &self.child.name
    }

    /// What the plugin is called that registers it: one of the plan, or another child.
    pub fn parent(&self) -> &'p PluginName {
        &self.child.parent
    }

    /// Where it is declared.
    pub fn declared(&self) -> Location {
        self.child.declaration.location
    }

    /// The states that it makes.
    pub fn provides(&self) -> &'static [StateKey] {
        self.child.declaration.provides
    }
}

impl fmt::Debug for PlannedChild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlannedChild").field(self.name()).finish()
    }
}
