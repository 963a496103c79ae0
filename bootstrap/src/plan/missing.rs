//! Missing states in words: what requires them, what is near, and how to provide them.

use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::base::text::{nearest, short_type_name, unwrapped};
use crate::collect::{Brood, Off, Source, Want, linked_at};
use crate::declare::{Declaration, Provider};
use crate::plan::mistakes::Field;
use crate::plan::words::Words;
use crate::report::{Found, Mistake};

/// Up to how many plugins that are registered by hand are listed to choose from.
const FEW: usize = 3;

impl Words<'_> {
    pub(super) fn missing(&self, state: StateKey, fields: &[Field]) -> Mistake {
        Mistake::MissingProvider {
            state,
            dependents: self.dependents(fields),
            near: self.near_or_off(state, fields),
            help: match (self.off(state, fields).first(), self.hidden(state)) {
                (Some((off, _)), _) => format!("enable `{}`: {}", off.name, off.reason.help),
                (None, Some(hidden)) => self.help_to_see(hidden),
                (None, None) => self.help(state, fields),
            },
            found: Found::Plan,
        }
    }

    /// Disabled plugins that provide the state; or else what might have been meant.
    fn near_or_off(&self, state: StateKey, fields: &[Field]) -> Vec<String> {
        let off = self.off(state, fields);
        if off.is_empty() {
            return self.near(state, self.name(fields[0].plugin));
        }
        let off = off.into_iter().map(|(off, brings)| {
            let (name, at) = (&off.name, off.descriptor.location());
            let because = &off.reason.because;
            match brings {
                None => format!("declared by `{name}` ({at}), disabled because {because}"),
                Some(child) => format!(
                    "declared by `{}` ({}), which `{name}` ({at}) registers, disabled because \
                     {because}",
                    child.name, child.location
                ),
            }
        });
        off.collect()
    }

    /// Plugins that are disabled and provide a state, with the child that does. If a field
    /// holds a handle to one, that.
    fn off(&self, state: StateKey, fields: &[Field]) -> Vec<(&Off, Option<&'static Declaration>)> {
        let aims = fields.iter().filter_map(|field| {
            let wants = self.wants(field.plugin)?;
            self.named.off_entry(wants[field.field].aim.as_ref()?.entry)
        });
        let aimed: Vec<_> = aims.map(|off| (off, None)).collect();
        if !aimed.is_empty() {
            return aimed;
        }
        let brood = Brood::linked();
        let all = self.named.roster.off.iter();
        let found = all.filter_map(|off| {
            if off.descriptor.states().contains(&state) {
                return Some((off, None));
            }
            let children = brood.descendants(off.descriptor.declaration()?);
            let mut children = children.into_iter().map(|(_, child)| child);
            let child = children.find(|child| child.provides.contains(&state))?;
            Some((off, Some(child)))
        });
        found.collect()
    }

    /// What a member asks for; what a declared child does is known by its declaration alone.
    fn wants(&self, number: u32) -> Option<&[Want]> {
        let is_child = self.links.family.child(number).is_some();
        (!is_child).then(|| self.named.wants(number))
    }

    /// Providers of the state in other scopes, of it inside a wrapper, or of one with the same name.
    fn near(&self, state: StateKey, dependent: &PluginName) -> Vec<String> {
        let full = state.type_name();
        let asked_inside = unwrapped(full);
        let mut near = Vec::new();
        for number in self.named.numbers() {
            for other in self.named.member(number).descriptor.states() {
                let other_full = other.type_name();
                if *other == state {
                    let place = self.place(number);
                    near.push(format!(
                        "{place} provides it, but in a scope that `{dependent}` does not see"
                    ));
                    continue;
                }
                let why = if let Some(why) = other_kind(state, *other) {
                    why
                } else if asked_inside == Some(other_full) {
                    "ask for that"
                } else if unwrapped(other_full) == Some(full) {
                    "a different type"
                } else if short_type_name(full) == short_type_name(other_full) {
                    "a different type with the same name"
                } else {
                    continue;
                };
                let (shown, place) = (display_type(*other, state), self.place(number));
                near.push(format!("`{shown}` is provided by {place}: {why}"));
            }
        }
        for kin in self.links.family.children() {
            if kin.declaration.provides.contains(&state) {
                let place = self.place(kin.member);
                near.push(format!(
                    "{place} brings `{}`, which provides it, but in a scope that `{dependent}` does not see",
                    kin.name
                ));
            }
        }
        near.extend(self.near_linked(state));
        near.extend(self.of_its_own_type(state));
        if near.is_empty() && state.is_port() {
            near.extend(self.slip(state));
        }
        near
    }

    /// Plugins of the binary that provide a port and are not part of the app.
    fn linked(&self, port: StateKey) -> Vec<&'static Declaration> {
        let mut linked = linked_at(port);
        linked.retain(|it| !self.is_member(it));
        linked
    }

    /// The same in words: if there is one, the help names it; a long list of plugins that only an app
    /// of their own registers does not help to choose.
    fn near_linked(&self, port: StateKey) -> Vec<String> {
        let linked = self.linked(port);
        let is_few = (2..=FEW).contains(&linked.len());
        let is_shown = |it: &&Declaration| it.behaviour.build.is_some() || is_few;
        let shown = linked.iter().copied().filter(is_shown);
        shown
            .map(|it| how_to_register(it, "is linked and provides it"))
            .collect()
    }

    /// Ports that were supplied under the types of their values, where one is asked for by its trait.
    fn of_its_own_type(&self, port: StateKey) -> Vec<String> {
        if !port.is_port() || !port.type_name().starts_with("dyn ") {
            return Vec::new();
        }
        let supplied = self.named.numbers().filter_map(|number| {
            let member = self.named.member(number);
            let Source::Supplied { at, .. } = member.source else {
                return None;
            };
            let is_it = |it: &&StateKey| it.is_port() && !it.type_name().starts_with("dyn ");
            let other = member.descriptor.states().iter().find(is_it)?;
            Some(format!(
                "the port `{other}` is supplied at {at}: if it is a `{port}`, write \
                 `.supply(Port::<{port}>::from_arc(..))`"
            ))
        });
        supplied.collect()
    }

    fn is_member(&self, declaration: &Declaration) -> bool {
        let mut numbers = self.named.numbers();
        numbers.any(|it| self.named.member(it).identity == declaration.plugin)
    }

    /// A port whose name is nearly that of a missing one.
    fn slip(&self, port: StateKey) -> Option<String> {
        let numbers = self.named.numbers();
        let all = numbers.flat_map(|number| {
            let keys = self.named.member(number).descriptor.states().iter();
            let ports = keys.filter(|key| key.is_port());
            ports.map(move |port| (port.to_string(), number))
        });
        let all: Vec<(String, u32)> = all.collect();
        let meant = nearest(&port.to_string(), all.iter().map(|(name, _)| name.as_str()))?;
        let (_, number) = all.iter().find(|(name, _)| name == meant)?;
        let place = self.place(*number);
        Some(format!("`{meant}` is provided by {place}: was that meant?"))
    }

    /// The first provider of a state that its dependents do not see.
    fn hidden(&self, state: StateKey) -> Option<u32> {
        let mut numbers = self.named.numbers();
        let states = |number: &u32| self.named.member(*number).descriptor.states();
        let itself = numbers.find(|number| states(number).contains(&state));
        itself.or_else(|| {
            let mut children = self.links.family.children().iter();
            let child = children.find(|kin| kin.declaration.provides.contains(&state));
            child.map(|kin| kin.member)
        })
    }

    /// What to do where one plugin provides what is missing: the same for states and ports.
    fn help_to_register(&self, provider: &'static Declaration, state: StateKey) -> String {
        let or_less = format!("or make the field an `Option<{}>`", state.handle());
        if let Some(number) = self.stand_in_for(provider) {
            let (replacement, name) = (self.name(number), provider.name);
            return format!(
                "`{replacement}` replaces `{name}`, which provides it, and does not: list it in the \
                 `{}s` of `{replacement}` as well, {or_less}",
                state.noun()
            );
        }
        let brood = Brood::linked();
        let mut parents = brood.parents(provider).iter();
        let replacement = match provider.behaviour.build {
            Some(_) => None,
            None => parents.find_map(|parent| self.stand_in_for(parent)),
        };
        match replacement {
            Some(number) => stand_in_help(provider, self.name(number), state),
            None => format!("{}, {or_less}", how_to_register(provider, "provides it")),
        }
    }

    /// The member that replaces a plugin.
    fn stand_in_for(&self, plugin: &Declaration) -> Option<u32> {
        let mut numbers = self.named.numbers();
        numbers.find(|number| {
            let descriptor = &self.named.member(*number).descriptor;
            descriptor.replaces() == Some(plugin.plugin)
        })
    }

    fn help_to_see(&self, hidden: u32) -> String {
        let (name, member) = (self.named.name(hidden), self.named.member(hidden));
        if matches!(member.source, Source::Supplied { .. }) {
            return format!("`{name}` is seen in its own scope only: supply it further out");
        }
        format!(
            "show `{name}` to the scope around it, with `.export()` on its registration; or \
             register it further out; or put the handle of its registration into the field"
        )
    }

    fn help(&self, state: StateKey, fields: &[Field]) -> String {
        let providers = fields.iter().filter_map(|field| {
            let want = &self.named.wants(field.plugin)[field.field];
            want.declared?.need.provider
        });
        match providers.into_iter().next() {
            Some(Provider::Plugin(link)) if link.declaration().is_section => format!(
                "it is a section of the configuration (declared at {}): give the app one with \
                 `.configure(..)`, or add `.supply(..)` with a `{state}`",
                link.declaration().location
            ),
            Some(Provider::Plugin(link)) => self.help_to_register(link.declaration(), state),
            Some(Provider::Supplied(declared)) => format!(
                "`main` supplies it (declared at {declared}): add `.supply(..)` with a `{state}`"
            ),
            None if self.linked(state).len() == 1 => {
                self.help_to_register(self.linked(state)[0], state)
            }
            None if state.is_port() && self.named.roster.collected => format!(
                "link a crate with a plugin that has it in its `ports = [{state}]`: write \
                 `bootstrap::link!(its_crate);` next to `main` (what nothing refers to, the linker \
                 leaves out); or add `.supply(Port::<{state}>::from_arc(..))`, or make the field an \
                 `Option<Port<{state}>>`"
            ),
            None if state.is_port() => format!(
                "add a plugin that has it in its `ports = [{state}]` (link its crate, if it is \
                 collected), or `.supply(Port::<{state}>::from_arc(..))`, or make the field an \
                 `Option<Port<{state}>>`"
            ),
            None => format!(
                "register a plugin that provides it, add `.supply(..)` with a `{state}`, or make \
                 the field an `Option<State<{state}>>`"
            ),
        }
    }
}

/// What to say where the one is a state and the other a port, or where only marker traits differ.
fn other_kind(asked: StateKey, other: StateKey) -> Option<&'static str> {
    let (asked_name, other_name) = (asked.type_name(), other.type_name());
    match (asked.is_port(), other.is_port()) {
        (true, false) if asked_name == other_name => Some("as a state: ask for `State<..>` of it"),
        (false, true) if asked_name == other_name => Some("at a port: ask for `Port<..>` of it"),
        (true, true) if without_markers(asked_name) == without_markers(other_name) => {
            Some("a different type: write the same one at both ends")
        }
        _ => None,
    }
}

/// `dyn Mailer + Send` is another type than `dyn Mailer`.
fn without_markers(name: &str) -> &str {
    name.split_once(" + ").map_or(name, |(first, _)| first)
}

/// The type with its modules where the short name would be the same as that of `other`.
fn display_type(state: StateKey, other: StateKey) -> String {
    let (short, full) = (short_type_name(state.type_name()), state.type_name());
    let is_alike = state.is_port() == other.is_port();
    if is_alike && short == short_type_name(other.type_name()) {
        full.to_owned()
    } else {
        short
    }
}

/// How to add a plugin to the app, or the one that registers it.
fn how_to_register(provider: &'static Declaration, clause: &str) -> String {
    let brood = Brood::linked();
    match brood.parents(provider) {
        [_, ..] if provider.behaviour.build.is_none() => {
            by_parent(provider, brood.parents(provider), clause)
        }
        _ => by_hand(provider, clause),
    }
}

/// The line that adds a plugin to an app.
fn line_to_add(plugin: &Declaration) -> String {
    let name = short_type_name((plugin.plugin.type_name)());
    match plugin.behaviour.build {
        Some(_) => format!("`.with({name}::default())`"),
        None => format!("`.with({name} {{ .. }})`"),
    }
}

/// How to add a plugin to the app.
fn by_hand(provider: &Declaration, clause: &str) -> String {
    let (name, location, line) = (provider.name, provider.location, line_to_add(provider));
    let how = match provider.behaviour.build {
        Some(_) => ":",
        None => " and is never collected:",
    };
    format!("plugin `{name}` ({location}) {clause}{how} add {line} to the app")
}

/// Which parent would bring a plugin.
fn by_parent(provider: &Declaration, parents: &[&'static Declaration], clause: &str) -> String {
    let names = parents.iter().map(|parent| {
        let (name, location) = (parent.name, parent.location);
        format!("`{name}` ({location})")
    });
    let names: Vec<String> = names.collect();
    let how: Vec<String> = parents.iter().map(|parent| line_to_add(parent)).collect();
    let (name, location) = (provider.name, provider.location);
    let (names, how) = (names.join(" or "), how.join(" or "));
    format!(
        "plugin `{name}` ({location}) {clause}, which {names} registers while it loads: add {how} \
         to the app"
    )
}

/// The parent is there, as another one that says nothing of its children.
fn stand_in_help(provider: &Declaration, replacement: &PluginName, state: StateKey) -> String {
    let plugin = short_type_name((provider.plugin.type_name)());
    let (name, location, noun) = (provider.name, provider.location, state.noun());
    format!(
        "plugin `{name}` ({location}) provides it, and `{replacement}` replaces the one that \
         registers that: if it does so as well, say it there: `children = [{plugin}]`; or let it \
         make the {noun} itself, in its `{noun}s`"
    )
}
