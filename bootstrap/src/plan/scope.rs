//! The scopes of a plan, as its readers see them.

use std::fmt;
use std::time::Duration;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::collect::{ROOT, Scopes};
use crate::plan::schedule::{Plan, PlannedPlugin};

impl Plan {
    /// The scopes that were opened with [`App::scope`](crate::App::scope), in the order of their
    /// opening; not the app itself.
    pub fn scopes(&self) -> impl Iterator<Item = PlannedScope<'_>> {
        let scopes = &self.scopes;
        let inner = (0..).take(scopes.len()).skip(1);
        inner.map(move |number| PlannedScope { scopes, number })
    }

    /// The states and ports that another provider hides: one further in, or one of the same scope
    /// that outranks theirs. A field that asks for one provider gets the other one;
    /// [`Ports`](crate::Ports) hold both.
    pub fn shadowed(&self) -> impl Iterator<Item = Shadowed<'_>> {
        self.order().flat_map(|plugin| plugin.shadows())
    }

    /// What a node hides from those in its scope.
    pub(crate) fn shadows_of(&self, node: u32) -> impl Iterator<Item = Shadowed<'_>> + use<'_> {
        let first = self.shadows.partition_point(|(by, _)| *by < node);
        let own = self.shadows[first..].iter();
        own.take_while(move |(by, _)| *by == node)
            .map(|(_, shadow)| Shadowed {
                state: shadow.state,
                plugin: PlannedPlugin {
                    plan: self,
                    node: shadow.hidden,
                },
            })
    }
}

impl<'p> PlannedPlugin<'p> {
    /// The scope that it was registered in; `None` if that is the app itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use bootstrap::{App, plugin_fn};
    ///
    /// let mut app = App::new();
    /// app.scope("admin", |scope| {
    ///     scope.register(plugin_fn("warm-up", async |_| Ok(())));
    /// });
    /// let plan = app.plan()?;
    /// let plugin = plan.order().next().unwrap();
    /// assert_eq!(plugin.name(), &"admin/warm-up");
    /// assert_eq!(plugin.scope().unwrap().path(), "admin");
    /// # Ok::<(), bootstrap::error::PlanErrors>(())
    /// ```
    pub fn scope(&self) -> Option<PlannedScope<'p>> {
        let (scopes, number) = (&self.plan.scopes, self.member().scope);
        (number != ROOT).then_some(PlannedScope { scopes, number })
    }

    /// The states and ports of other plugins that its own hide: of plugins further out, and of those
    /// in its scope that it outranks.
    pub fn shadows(&self) -> impl Iterator<Item = Shadowed<'p>> + use<'p> {
        self.plan.shadows_of(self.node)
    }
}

/// A scope of a [`Plan`].
#[derive(Clone, Copy)]
pub struct PlannedScope<'p> {
    scopes: &'p Scopes,
    number: u32,
}

impl<'p> PlannedScope<'p> {
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The names from the app to it: `admin/users`. Names of its plugins begin with that.
    pub fn path(&self) -> &'p str {
        self.scopes.path(self.number).unwrap_or_default()
    }

    /// The scope around it; `None` if that is the app itself.
    pub fn parent(&self) -> Option<PlannedScope<'p>> {
        let number = self.scopes.parent(self.number)?;
        (number != ROOT).then_some(PlannedScope {
            scopes: self.scopes,
            number,
        })
    }

    /// How long all loads in it may take together, as [`Scope::timeout`](crate::Scope::timeout)
    /// said.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// let mut app = App::new();
    /// app.scope("admin", |admin| {
    ///     admin.timeout(Duration::from_secs(5));
    ///     admin.register(plugin_fn("users", async |_| Ok(())));
    /// });
    /// let plan = app.plan()?;
    /// let scope = plan.order().next().and_then(|plugin| plugin.scope());
    /// assert_eq!(scope.unwrap().timeout(), Some(Duration::from_secs(5)));
    /// # Ok::<(), bootstrap::error::PlanErrors>(())
    /// ```
    pub fn timeout(&self) -> Option<Duration> {
        self.scopes[self.number as usize].limit
    }

    /// Where it was opened.
    pub fn opened(&self) -> Option<Location> {
        self.scopes[self.number as usize].at
    }
}

impl fmt::Debug for PlannedScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PlannedScope").field(&self.path()).finish()
    }
}

/// A state or a port that another provider hides.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Shadowed<'p> {
    /// The state.
    pub state: StateKey,
    /// The plugin whose state is hidden.
    pub plugin: PlannedPlugin<'p>,
}
