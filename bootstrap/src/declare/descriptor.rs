//! `Descriptor`: what a plugin says of itself, declared or made at run time.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::declare::declaration::{Declaration, Identity, Mention};
use crate::declare::hooks::HookSet;
use crate::declare::retry::Retry;
use crate::declare::supervision::{Policies, Supervision};

/// What a plugin says of itself: its name, its states, its limits.
///
/// `#[plugin]` writes this down by itself; a [`Plugin`](crate::extend::Plugin) that is implemented by hand
/// builds one.
///
/// # Examples
///
/// ```
/// use bootstrap::extend::Descriptor;
/// use std::time::Duration;
///
/// struct Rows;
/// let descriptor = Descriptor::new("import-2024.csv")
///     .provides::<Rows>()
///     .load_timeout(Duration::from_secs(5));
/// assert_eq!(descriptor.name(), "import-2024.csv");
/// ```
#[derive(Clone, Debug)]
pub struct Descriptor(Facts);

#[derive(Clone, Debug)]
enum Facts {
    /// By `#[plugin]`.
    Declared(&'static Declaration),
    /// At run time.
    Made(Arc<Made>),
}

#[derive(Clone, Debug)]
struct Made {
    name: PluginName,
    location: Location,
    provides: Vec<StateKey>,
    load_timeout: Option<Duration>,
    close_timeout: Option<Duration>,
    policies: Option<Box<Policies>>,
    hooks: HookSet,
    /// Whether its state has owners outside of the app.
    #[cfg(feature = "testing")]
    is_shared: bool,
}

impl Descriptor {
    /// A plugin that is called `name` and provides nothing yet. The place of this call is what
    /// messages show as the plugin's declaration.
    #[track_caller]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self::at(name.into(), Location::caller())
    }

    pub(crate) fn at(name: Cow<'static, str>, location: Location) -> Self {
        Self(Facts::Made(Arc::new(Made {
            name: match name {
                Cow::Borrowed(name) => PluginName::from(name),
                Cow::Owned(name) => PluginName::from(Arc::from(name)),
            },
            location,
            provides: Vec::new(),
            load_timeout: None,
            close_timeout: None,
            policies: None,
            hooks: HookSet::ALL,
            #[cfg(feature = "testing")]
            is_shared: false,
        })))
    }

    pub(crate) fn declared(declaration: &'static Declaration) -> Self {
        Self(Facts::Declared(declaration))
    }

    /// Adds a state that the plugin provides.
    #[must_use]
    pub fn provides<T: Send + Sync + 'static>(self) -> Self {
        self.provides_key(StateKey::of::<T>())
    }

    /// Adds a port at which the plugin provides something: [`States::with_port`](crate::extend::States::with_port).
    #[must_use]
    pub fn provides_port<T: ?Sized + Send + Sync + 'static>(self) -> Self {
        self.provides_key(StateKey::port::<T>())
    }

    pub(crate) fn provides_key(self, key: StateKey) -> Self {
        self.change(|made| made.provides.push(key))
    }

    /// How long `load` and `ready` may take, each; without it the app's limit holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::extend::Descriptor;
    ///
    /// let descriptor = Descriptor::new("import-2024.csv").load_timeout(Duration::from_secs(60));
    /// # let _ = descriptor;
    /// ```
    #[must_use]
    pub fn load_timeout(self, limit: Duration) -> Self {
        self.change(|made| made.load_timeout = Some(limit))
    }

    /// How long `drain`, the end of `run` and `close` may take, each; without it the app's limit
    /// holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::extend::Descriptor;
    ///
    /// let descriptor = Descriptor::new("import-2024.csv")
    ///     .load_timeout(Duration::from_secs(60))
    ///     .close_timeout(Duration::from_secs(5));
    /// # let _ = descriptor;
    /// ```
    #[must_use]
    pub fn close_timeout(self, limit: Duration) -> Self {
        self.change(|made| made.close_timeout = Some(limit))
    }

    /// How often a `load` that fails is tried; without it, once.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        self.change(|made| made.policies.get_or_insert_default().retry = Some(retry))
    }

    /// What happens when `run` ends; without it, an error or a panic stops the app.
    #[must_use]
    pub fn supervise(self, supervision: Supervision) -> Self {
        let set = |policies: &mut Policies| policies.supervision = Some(supervision);
        self.change(|made| set(made.policies.get_or_insert_default()))
    }

    /// Which hooks besides `load` there are; without it, all of them are called.
    pub(crate) fn hooks(self, hooks: HookSet) -> Self {
        self.change(|made| made.hooks = hooks)
    }

    #[cfg(feature = "testing")]
    pub(crate) fn shared(self, is_shared: bool) -> Self {
        self.change(|made| made.is_shared = is_shared)
    }

    #[cfg(feature = "testing")]
    pub(crate) fn is_shared(&self) -> bool {
        matches!(&self.0, Facts::Made(made) if made.is_shared)
    }

    fn change(mut self, change: impl FnOnce(&mut Made)) -> Self {
        if let Facts::Declared(declaration) = self.0 {
            self.0 = Facts::Made(Arc::new(Made::from(declaration)));
        }
        if let Facts::Made(made) = &mut self.0 {
            change(Arc::make_mut(made));
        }
        self
    }

    /// What the plugin is called.
    pub fn name(&self) -> PluginName {
        match &self.0 {
            Facts::Declared(declaration) => PluginName::from(declaration.name),
            Facts::Made(made) => made.name.clone(),
        }
    }

    /// Where it is declared.
    pub fn location(&self) -> Location {
        match &self.0 {
            Facts::Declared(declaration) => declaration.location,
            Facts::Made(made) => made.location,
        }
    }

    /// Whether it is declared to be the one that is meant where several provide the same.
    pub(crate) fn is_primary(&self) -> bool {
        self.declaration().is_some_and(|it| it.is_primary)
    }

    pub(crate) fn states(&self) -> &[StateKey] {
        match &self.0 {
            Facts::Declared(declaration) => declaration.provides,
            Facts::Made(made) => &made.provides,
        }
    }

    pub(crate) fn after(&self) -> &'static [Mention] {
        self.declaration().map_or(&[], |declared| declared.after)
    }

    pub(crate) fn load_limit(&self) -> Option<Duration> {
        match &self.0 {
            Facts::Declared(declaration) => declaration.load_timeout,
            Facts::Made(made) => made.load_timeout,
        }
    }

    pub(crate) fn close_limit(&self) -> Option<Duration> {
        match &self.0 {
            Facts::Declared(declaration) => declaration.close_timeout,
            Facts::Made(made) => made.close_timeout,
        }
    }

    pub(crate) fn load_retry(&self) -> Option<Retry> {
        match &self.0 {
            Facts::Declared(declaration) => declaration.retry,
            Facts::Made(made) => made.policies.as_ref()?.retry,
        }
    }

    pub(crate) fn run_supervision(&self) -> Supervision {
        match &self.0 {
            Facts::Declared(declaration) => declaration.supervision,
            Facts::Made(made) => {
                let said = made.policies.as_ref().and_then(|it| it.supervision);
                said.unwrap_or_default()
            }
        }
    }

    pub(crate) fn hook_set(&self) -> HookSet {
        match &self.0 {
            Facts::Declared(declaration) => declaration.behaviour.hooks,
            Facts::Made(made) => made.hooks,
        }
    }

    /// The type of plugin that this one replaces.
    pub(crate) fn replaces(&self) -> Option<Identity> {
        Some(self.replaced()?.plugin)
    }

    /// The plugin that this one replaces, as declared.
    pub(crate) fn replaced(&self) -> Option<&'static Declaration> {
        Some(self.declaration()?.replaces?.declaration())
    }

    pub(crate) fn declaration(&self) -> Option<&'static Declaration> {
        match &self.0 {
            Facts::Declared(declaration) => Some(declaration),
            Facts::Made(_) => None,
        }
    }
}

impl From<&'static Declaration> for Made {
    fn from(declaration: &'static Declaration) -> Self {
        Self {
            name: PluginName::from(declaration.name),
            location: declaration.location,
            provides: declaration.provides.to_vec(),
            load_timeout: declaration.load_timeout,
            close_timeout: declaration.close_timeout,
            policies: Some(Box::new(Policies {
                retry: declaration.retry,
                supervision: Some(declaration.supervision),
            })),
            hooks: declaration.behaviour.hooks,
            #[cfg(feature = "testing")]
            is_shared: false,
        }
    }
}
