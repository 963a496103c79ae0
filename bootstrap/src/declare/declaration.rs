//! What `#[plugin]` wrote down about a plugin, as constant data.
//!
//! Declarations refer to each other (a requirement knows its provider), so they form the graph of
//! all plugins of a binary before the program has started: `cycle` proves at compile time that it
//! has no cycle, `collect` follows it at run time to find what the linker dropped.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::declare::asks::Asks;
use crate::declare::derived::Derived;
use crate::declare::field::{AnyField, Bind};
use crate::declare::hooks::{Declare, HookSet, Hooks};
use crate::declare::outside::Outside;
use crate::declare::plugin::Plugin;
use crate::declare::retry::Retry;
#[cfg(feature = "config")]
use crate::declare::setting::Setting;
use crate::declare::supervision::Supervision;
use crate::declare::switch::Switch;

/// One plugin, as declared.
#[derive(Debug)]
#[allow(missing_docs)] // Written by the macro, field by field, and by no other code.
pub struct Declaration {
    pub name: &'static str,
    pub location: Location,
    pub plugin: Identity,
    pub provides: &'static [StateKey],
    /// Whether this is the one that is meant where several provide the same.
    pub is_primary: bool,
    /// Whether it joins an app that collects only if a field requires it.
    pub is_collected_if_needed: bool,
    /// The requirements of its fields, which the proof at compile time follows.
    pub requires: &'static [Requirement],
    /// Requirements beside its fields.
    pub derived: Option<Derived>,
    pub after: &'static [Mention],
    /// The plugin that registers this one while it loads.
    pub child_of: Option<Mention>,
    /// Plugins that this one registers while it loads, and that don't say so themselves.
    pub children: &'static [Mention],
    pub load_timeout: Option<Duration>,
    pub close_timeout: Option<Duration>,
    pub retry: Option<Retry>,
    pub supervision: Supervision,
    pub behaviour: Behaviour,
    pub replaces: Option<Link>,
    /// What decides whether it is part of an app.
    pub enabled: Option<Switch>,
    /// Options that are read from the configuration.
    pub settings: &'static [Setting],
    /// Whether it is a section of the configuration, and nothing else.
    pub is_section: bool,
}

impl Declaration {
    /// One that says nothing but what each does: the rest is written where it is said.
    pub const fn of<P: 'static>(
        name: &'static str,
        location: Location,
        behaviour: Behaviour,
    ) -> Self {
        Self {
            name,
            location,
            plugin: Identity::of::<P>(),
            provides: &[],
            is_primary: false,
            is_collected_if_needed: false,
            requires: &[],
            derived: None,
            after: &[],
            child_of: None,
            children: &[],
            load_timeout: None,
            close_timeout: None,
            retry: None,
            supervision: Supervision::new(),
            behaviour,
            replaces: None,
            enabled: None,
            settings: &[],
            is_section: false,
        }
    }
}

/// Nothing is read without the feature `config`.
#[cfg(not(feature = "config"))]
#[derive(Debug)]
pub enum Setting {}

/// What the hooks of a plugin's type tell: which there are, and how to make one.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    pub(crate) hooks: HookSet,
    /// Makes the plugin with its default options; `None` if it must be registered by hand.
    pub(crate) build: Option<Build>,
}

/// How a plugin is made that was not registered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Build {
    Default(fn() -> Arc<dyn Plugin>),
    /// Some of its options have no default.
    #[cfg(feature = "config")]
    FromOutside(fn(&Outside) -> Result<Arc<dyn Plugin>>),
}

impl Build {
    /// Makes the plugin. Runs the user's code.
    #[cfg_attr(
        not(feature = "config"),
        allow(clippy::unnecessary_wraps, reason = "a default can't fail")
    )]
    pub(crate) fn build(self, outside: &Outside) -> Result<Arc<dyn Plugin>> {
        let _ = outside;
        match self {
            Build::Default(build) => Ok(build()),
            #[cfg(feature = "config")]
            Build::FromOutside(build) => build(outside),
        }
    }
}

// rustc quotes the line of a bound that does not hold, so what to do is at its end.
#[allow(missing_docs)]
impl Behaviour {
    pub const fn collected<P>() -> Self
    where
        P: Hooks + Default, // help: write `impl Hooks` for the plugin
        P: Send + Sync, // help: threads share a plugin: hold a `Mutex` or an atomic instead of a `Cell`, an `Arc` instead of an `Rc`
    {
        Self {
            hooks: HookSet::of::<P>(),
            build: Some(Build::Default(|| Arc::new(P::default()))),
        }
    }

    /// Of what has mistakes that keep it from being a plugin.
    pub const fn unknown() -> Self {
        Self {
            hooks: HookSet::NONE,
            build: None,
        }
    }

    pub const fn registered<P>() -> Self
    where
        P: Hooks,       // help: write `impl Hooks` for the plugin
        P: Send + Sync, // help: threads share a plugin: hold a `Mutex` or an atomic instead of a `Cell`, an `Arc` instead of an `Rc`
    {
        Self {
            hooks: HookSet::of::<P>(),
            build: None,
        }
    }

    /// Of a plugin with states.
    ///
    /// # Panics
    ///
    /// In a constant, if it has no `load` that makes them.
    #[track_caller]
    pub const fn with_load(self, missing: &'static str) -> Self {
        assert!(self.hooks.load, "{}", missing);
        self
    }
}

/// A requirement: a field, or one that was derived from something else.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Requirement {
    /// As written: `config`.
    pub field: &'static str,
    /// As written: `State<Config>`.
    pub type_text: &'static str,
    pub location: Location,
    pub need: Need,
    pub access: &'static dyn AnyField,
    /// Of one that is no field: its place among those, and what messages call it.
    pub derived: Option<(usize, &'static str)>,
}

impl Requirement {
    /// What messages call it: `config: State<Config>`, or the words of one that is no field.
    pub(crate) fn text(&self) -> String {
        match self.derived {
            Some((_, text)) => text.to_owned(),
            None => format!("{}: {}", self.field, self.type_text),
        }
    }

    /// The handle in `plugin` that it is bound to; `None` if that is another plugin.
    pub(crate) fn handle<'p>(&self, plugin: &'p mut dyn Any) -> Option<&'p mut dyn Bind> {
        let place = self.derived.map_or(0, |(place, _)| place);
        self.access.of(plugin, place)
    }
}

/// A plugin that the attribute of another one names.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Mention {
    pub location: Location,
    pub plugin: Link,
}

/// What a field's type asks for.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Need {
    pub state: StateKey,
    pub asks: Asks,
    /// The provider, where the type knows it.
    pub provider: Option<Provider>,
}

impl Need {
    /// The section of the configuration that it asks for, if it is one.
    pub(crate) fn section(&self) -> Option<&'static Declaration> {
        match self.provider {
            Some(Provider::Plugin(link)) => {
                Some(link.declaration).filter(|declaration| declaration.is_section)
            }
            Some(Provider::Supplied(_)) | None => None,
        }
    }
}

/// The place of a link: that of the outermost macro call around it.
#[doc(hidden)]
#[macro_export]
macro_rules! __link_at {
    ($kind:ident, $tokens:expr, $target:expr) => {
        $crate::__private::Link::$kind(
            ::core::module_path!(),
            $tokens,
            ::core::line!(),
            ::core::column!(),
            $target,
        )
    };
}

/// Where a state comes from, by its type.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Provider {
    /// A plugin.
    Plugin(Link),
    /// `main`, through `supply`; declared with `#[supplied]` here.
    Supplied(Location),
}

/// The type of a plugin.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Identity {
    pub id: TypeId,
    pub type_name: fn() -> &'static str,
}

#[allow(missing_docs)]
impl Provider {
    pub const fn of<P: Declare>() -> Self {
        Self::Plugin(P::LINK)
    }
}

impl Identity {
    #[allow(missing_docs)]
    pub const fn of<P: ?Sized + 'static>() -> Self {
        Self {
            id: TypeId::of::<P>(),
            type_name: std::any::type_name::<P>,
        }
    }
}

/// A reference to a declaration that can be told from another in a constant, without a look at
/// what it refers to (where `TypeId`s and addresses can't be compared).
#[derive(Clone, Copy)]
pub struct Link {
    krate: u64,
    id: u128,
    declaration: &'static Declaration,
    /// Whether it says that another one registers it: known here, so that no walk has to look.
    is_child: bool,
    /// `None` for an instance of a generic plugin, which has no static.
    declared: Option<&'static Declared>,
}

impl Link {
    /// Links to the declaration of a plugin without type parameters.
    ///
    /// `tokens` is a hash of what is written, and where; `line` and `column` are those of the
    /// outermost macro call around it. Together they tell plugins apart that one `macro_rules!`
    /// declares.
    pub const fn new(
        module: &'static str,
        tokens: u64,
        line: u32,
        column: u32,
        to: &'static Declared,
    ) -> Self {
        Self {
            declared: Some(to),
            ..Self::at(module, tokens, line, column, &to.declaration)
        }
    }

    /// Links to the declaration of an instance of a generic plugin.
    ///
    /// Two instances can't be told by their types here, but by what they need: if that is the
    /// same, then so is every way that leads on from them.
    pub const fn generic(
        module: &'static str,
        tokens: u64,
        line: u32,
        column: u32,
        to: &'static Declaration,
    ) -> Self {
        let mut tokens = tokens;
        let mut edge = 0;
        while edge < to.edges() {
            let target = match to.edge(edge) {
                Some(target) => target.id,
                None => 0,
            };
            tokens = mix(tokens, low(target));
            edge += 1;
        }
        Self::at(module, tokens, line, column, to)
    }

    const fn at(
        module: &'static str,
        tokens: u64,
        line: u32,
        column: u32,
        declaration: &'static Declaration,
    ) -> Self {
        let crate_len = crate_name_len(module);
        let krate = fnv(module, 0, crate_len);
        let module = fnv(module, crate_len, module.len());
        let here = mix(mix(mix(module, tokens), line as u64), column as u64);
        // In the order of the source, as far as there is one: see `cycle`. Never 0, which marks
        // an empty place in a table there.
        let id = (module as u128) << 96 | (line as u128) << 64 | (here | 1) as u128;
        Self {
            krate,
            id,
            declaration,
            is_child: false,
            declared: None,
        }
    }

    /// The same of a plugin that is `child_of` another one.
    #[must_use]
    pub const fn of_child(self) -> Self {
        Self {
            is_child: true,
            ..self
        }
    }

    /// The plugin that registers this one while it loads, if it says so.
    ///
    /// Reads what other declarations say, which no constant may: only the initializer of a static.
    pub(crate) const fn parent(self) -> Option<&'static Mention> {
        if self.is_child {
            self.declaration.child_of.as_ref()
        } else {
            None
        }
    }

    pub(crate) const fn krate(self) -> u64 {
        self.krate
    }

    pub(crate) const fn id(self) -> u128 {
        self.id
    }

    pub(crate) const fn declared(self) -> Option<&'static Declared> {
        self.declared
    }

    pub(crate) const fn declaration(self) -> &'static Declaration {
        self.declaration
    }
}

impl Declaration {
    /// All requirements: those of the fields, and behind them the derived ones.
    pub(crate) fn requirements(&self) -> &'static [Requirement] {
        match &self.derived {
            None => self.requires,
            Some(derived) => derived.behind(self.plugin, self.requires),
        }
    }

    /// How many plugins must have loaded before this one has, counting states that `main` supplies.
    pub(crate) const fn edges(&self) -> usize {
        self.requires.len() + self.after.len() + self.children.len()
    }

    /// Where edge number `edge` leads; `None` for a state that `main` supplies, for a port, and for
    /// what the plugin does not wait for.
    pub(crate) const fn edge(&self, edge: usize) -> Option<Link> {
        if edge < self.requires.len() {
            let need = self.requires[edge].need;
            match need.provider {
                Some(Provider::Plugin(link)) if need.asks.waits() => Some(link),
                _ => None,
            }
        } else {
            Some(self.mention(edge - self.requires.len()).plugin)
        }
    }

    /// Of the plugins that are named, those that come before come first.
    pub(crate) const fn mention(&self, place: usize) -> &'static Mention {
        if place < self.after.len() {
            &self.after[place]
        } else {
            &self.children[place - self.after.len()]
        }
    }

    /// The parent of a plugin that edge number `edge` leads to, if a dependent of that has to
    /// wait for it as well: a state is there when the parent of its plugin has loaded, except for
    /// what the same parent has brought.
    pub(crate) const fn parent_of(&self, edge: usize, provider: Link) -> Option<Link> {
        if edge >= self.requires.len() {
            return None;
        }
        match provider.parent() {
            Some(parent) if !self.is_within(parent.plugin) => Some(parent.plugin),
            _ => None,
        }
    }

    /// Whether this plugin is registered by `ancestor`, or by one that is, and so on.
    pub(crate) const fn is_within(&self, ancestor: Link) -> bool {
        let mut within = self.child_of;
        let mut steps = 0;
        while let Some(parent) = within {
            if parent.plugin.id == ancestor.id {
                return true;
            }
            if steps == MOST_ANCESTORS {
                return false;
            }
            within = parent.plugin.declaration.child_of;
            steps += 1;
        }
        false
    }

    /// Whether this plugin says itself that it registers `child`.
    pub(crate) const fn lists(&self, child: Link) -> bool {
        let mut place = 0;
        while place < self.children.len() {
            if self.children[place].plugin.id == child.id {
                return true;
            }
            place += 1;
        }
        false
    }
}

/// How many parents of parents are looked at: they could be in a cycle.
pub(crate) const MOST_ANCESTORS: usize = 64;

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Link").field(&self.declaration.name).finish()
    }
}

/// FNV-1a over some bytes of `text`.
const fn fnv(text: &str, start: usize, end: usize) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut i = start;
    while i < end {
        hash = mix(hash, bytes[i] as u64);
        i += 1;
    }
    hash
}

/// The half of an id that tells one place from another.
#[allow(clippy::cast_possible_truncation, reason = "which is the lower one")]
pub(crate) const fn low(id: u128) -> u64 {
    id as u64
}

const fn mix(hash: u64, next: u64) -> u64 {
    (hash ^ next).wrapping_mul(0x0100_0000_01b3)
}

/// How much of a module path is the name of the crate.
const fn crate_name_len(path: &str) -> usize {
    let bytes = path.as_bytes();
    let mut len = 0;
    while len < bytes.len() && bytes[len] != b':' {
        len += 1;
    }
    len
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Identity {}

/// The static that holds a declaration.
///
/// When rustc checks a constant, it looks through every reference in it, also into statics: two
/// plugins that need each other would then be its own error E0391, forty lines about queries. It
/// does not look into a static that may change, and the unused flag makes this one such. So the
/// cycle gets as far as `cycle::check`, which reports it in the user's words.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Declared {
    pub declaration: Declaration,
    pub link: Link,
    /// `None` for a plugin that needs nothing, and for one with mistakes, about which nothing is
    /// proven.
    pub proof: Option<&'static Proof>,
    pub opaque: AtomicBool,
}

impl Declared {
    #[allow(missing_docs)]
    pub const fn new(declaration: Declaration, link: Link, proof: Option<&'static Proof>) -> Self {
        Self {
            declaration,
            link,
            proof,
            opaque: AtomicBool::new(false),
        }
    }
}

/// What the walk from one plugin has found, so that those of others need not go there again.
///
/// In a static that could change, for the reason for which declarations are.
#[derive(Debug)]
pub struct Proof {
    exits: [Option<&'static Declared>; Self::CAPACITY],
    len: usize,
    /// False if there are more exits than places.
    complete: bool,
    /// Whether there is a way back to the plugin, or may be one.
    pub(crate) may_come_back: bool,
    /// As in [`Declared`].
    pub opaque: AtomicBool,
}

impl Proof {
    const CAPACITY: usize = 14;

    pub(crate) const fn new() -> Self {
        Self {
            exits: [None; Self::CAPACITY],
            len: 0,
            complete: true,
            may_come_back: false,
            opaque: AtomicBool::new(false),
        }
    }

    /// The exits, unless some are missing.
    pub(crate) const fn exits(&self) -> Option<&[Option<&'static Declared>]> {
        if self.complete {
            Some(self.exits.split_at(self.len).0)
        } else {
            None
        }
    }

    /// Notes another exit.
    pub(crate) const fn add(&mut self, exit: &'static Declared) {
        let mut i = 0;
        while i < self.len {
            if let Some(known) = self.exits[i]
                && known.link.id == exit.link.id
            {
                return;
            }
            i += 1;
        }
        if self.len == Self::CAPACITY {
            self.complete = false;
            return;
        }
        self.exits[self.len] = Some(exit);
        self.len += 1;
    }

    /// Forgets what is here: the walk was too long.
    pub(crate) const fn give_up(&mut self) {
        self.complete = false;
        self.may_come_back = true;
    }
}
