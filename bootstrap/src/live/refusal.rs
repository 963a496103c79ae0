//! Why a node can't join: the mistakes of the plan, found while the app boots.

use std::sync::Arc;

use anyhow::Error;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::declare::Origin;
use crate::live::nodes::Nodes;
use crate::plan::{Binding, foreign};
use crate::report::{
    CycleStep, Dependent, Found, HookError, HookFailure, Mistake, NameKind, PluginLocation, TooLate,
};
#[cfg(feature = "config")]
use crate::values::ConfigFault;

impl Nodes {
    /// A node and where it comes from.
    pub(crate) fn location(&self, node: u32) -> PluginLocation {
        let member = self.member(node);
        PluginLocation {
            plugin: self.name(node).clone(),
            declared: member.descriptor.location(),
            registered: member.source.location(),
        }
    }

    fn locations(&self, nodes: &[u32]) -> Vec<PluginLocation> {
        nodes.iter().map(|node| self.location(*node)).collect()
    }

    /// A field of a node, with its type if the plugin is declared.
    pub(super) fn dependent(&self, node: u32, field: &str) -> Dependent {
        let location = self.location(node);
        let declaration = self.member(node).descriptor.declaration();
        let mut fields = declaration.iter().flat_map(|it| it.requirements());
        let found = fields.find(|it| it.field == field);
        let is_derived = found.is_some_and(|it| it.derived.is_some());
        let (field, declared) = match found {
            Some(declared) => (declared.text(), declared.location),
            None => (field.to_owned(), location.declared),
        };
        Dependent {
            plugin: location.plugin,
            field,
            is_derived,
            declared,
            registered: location.registered,
            way: Vec::new(),
        }
    }

    /// That a mistake was found when a node joined.
    pub(super) fn found(&self, node: u32) -> Found {
        let parent = self.parent(node).map(|parent| self.name(parent).clone());
        Found::Load { parent }
    }

    /// A field without a provider, with what comes near.
    pub(super) fn lacks_provider(
        &self,
        node: u32,
        field: &str,
        state: StateKey,
        near: Vec<String>,
        help: String,
    ) -> Error {
        Error::new(Mistake::MissingProvider {
            state,
            dependents: vec![self.dependent(node, field)],
            near,
            help,
            found: self.found(node),
        })
    }

    pub(super) fn missing(&self, node: u32, field: &str, state: StateKey) -> Error {
        let help = format!(
            "register the plugin that provides it, or make the field an `Option<{}>`",
            state.handle()
        );
        self.lacks_provider(node, field, state, Vec::new(), help)
    }

    pub(super) fn hidden(
        &self,
        node: u32,
        field: &str,
        state: StateKey,
        providers: &[u32],
    ) -> Error {
        let name = self.name(node);
        let providers = self.locations(providers).into_iter();
        let near = providers
            .map(|it| format!("{it} provides it, but in a scope that `{name}` does not see"));
        let help = format!("export it from there, or register `{name}` there");
        self.lacks_provider(node, field, state, near.collect(), help)
    }

    pub(super) fn not_there(&self, node: u32, field: &str, state: StateKey) -> Error {
        let near = "the handle in the field refers to a plugin that has not joined the app";
        let help = "register that plugin first".to_owned();
        self.lacks_provider(node, field, state, vec![near.to_owned()], help)
    }

    pub(super) fn ambiguous(
        &self,
        node: u32,
        field: &str,
        state: StateKey,
        providers: &[u32],
    ) -> Error {
        let help = "put the handle of one of them into the field: `registration.handle()`";
        self.has_providers(node, field, state, providers, help.to_owned())
    }

    pub(super) fn has_providers(
        &self,
        node: u32,
        field: &str,
        state: StateKey,
        providers: &[u32],
        help: String,
    ) -> Error {
        Error::new(Mistake::AmbiguousProvider {
            state,
            dependents: vec![self.dependent(node, field)],
            candidates: self.locations(providers),
            help,
            found: self.found(node),
        })
    }

    pub(super) fn of_ancestor(
        &self,
        node: u32,
        field: &str,
        state: StateKey,
        ancestor: u32,
    ) -> Error {
        Error::new(Mistake::NeedsAncestor {
            dependent: self.dependent(node, field),
            state,
            ancestor: self.name(ancestor).clone(),
        })
    }

    /// A handle of another app, or a value that no plugin of this app has.
    pub(super) fn foreign(
        &self,
        node: u32,
        field: &str,
        state: StateKey,
        aim: Option<&Arc<Origin>>,
    ) -> Error {
        let dependent = self.dependent(node, field);
        Error::new(foreign(dependent, state, aim, self.found(node)))
    }

    /// The nodes that a newcomer waits for, of which the last waits for the newcomer.
    pub(super) fn cycle(&self, newcomer: u32, needs: &[Binding], way: &[u32]) -> Error {
        let way = way.iter().copied().filter(|node| *node != newcomer);
        let nodes: Vec<u32> = std::iter::once(newcomer).chain(way).collect();
        let nexts = nodes.iter().cycle().skip(1);
        let steps = nodes.iter().zip(nexts).map(|(from, to)| {
            let own = if *from == newcomer { needs } else { &[] };
            CycleStep {
                plugin: self.location(*from),
                reason: self.reason(*from, *to, own),
            }
        });
        Error::new(Mistake::Cycle {
            steps: steps.collect(),
            way: Vec::new(),
            others: 0,
            cut: None,
            found: self.found(newcomer),
        })
    }

    /// Why `from` waits for `to`.
    fn reason(&self, from: u32, to: u32, needs: &[Binding]) -> String {
        if self.is_or_is_below(to, from) {
            return "it loads only after the plugins that it registers".to_owned();
        }
        let needs = needs.iter().chain(self.bindings(from));
        let mut needs = needs.filter(|it| it.waits_for() == Some(to));
        match needs.next() {
            Some(binding) => format!("it needs the {}", binding.state.described()),
            None => "it loads after that".to_owned(),
        }
    }

    /// A child awaits children that include itself.
    pub(super) fn waits_for_itself(&self, child: u32, parent: u32) -> Error {
        Error::new(Mistake::WaitsForItself {
            child: self.name(child).clone(),
            parent: self.name(parent).clone(),
        })
    }

    /// A plugin was registered by one that takes no more children.
    pub(super) fn too_late(&self, parent: u32, plugin: &PluginName) -> Mistake {
        let why = if self.life.is_stopping() {
            TooLate::Stopping(self.life.reason().to_string())
        } else {
            TooLate::ParentLoaded
        };
        Mistake::RegisteredTooLate {
            plugin: Some(plugin.clone()),
            parent: self.name(parent).clone(),
            why,
        }
    }

    pub(super) fn nothing_to_wait_for(&self, parent: u32) -> Error {
        Error::new(Mistake::RegisteredTooLate {
            plugin: None,
            parent: self.name(parent).clone(),
            why: TooLate::BootEnded,
        })
    }

    pub(super) fn bad_name(&self, node: u32, own_name: &str, kind: NameKind) -> Error {
        let name = match kind {
            NameKind::OfPlugin => own_name.to_owned(),
            NameKind::OfScope => {
                let scope = self.member(node).scope;
                let path = self.with_scopes(|scopes| scopes.path(scope).map(str::to_owned));
                path.unwrap_or_default()
            }
        };
        Error::new(Mistake::InvalidName {
            kind,
            name,
            places: vec![self.location(node)],
            found: self.found(node),
        })
    }

    pub(super) fn taken_name(&self, node: u32) -> Error {
        let name = self.name(node);
        let has_it = |other: &u32| *other != node && self.name(*other) == name;
        let others = self.all().filter(has_it).map(|other| self.location(other));
        Error::new(Mistake::DuplicateName {
            kind: NameKind::OfPlugin,
            name: name.to_string(),
            places: others.chain([self.location(node)]).collect(),
            found: self.found(node),
        })
    }

    /// A fault in the options of a plugin that loads; other errors stay as they are.
    #[cfg(feature = "config")]
    pub(super) fn misconfigured(&self, node: u32, error: Error) -> Error {
        match error.downcast::<ConfigFault>() {
            Ok(fault) => Error::new(Mistake::Configuration {
                fault: fault.of_plugin(self.name(node)),
                found: self.found(node),
            }),
            Err(error) => error,
        }
    }

    /// Logs and reports an error that a hook of a node does not return.
    pub(super) fn report_hook(self: &Arc<Self>, node: u32, phase: Phase, error: Error) {
        self.report_error(&self.error(node, phase, HookFailure::Reported(error)));
    }

    /// Logs and reports an error of something that is no plugin.
    pub(crate) fn report_from(self: &Arc<Self>, source: PluginName, at: Location, error: Error) {
        let failure = HookFailure::Reported(error);
        self.report_error(&HookError::new(source, at, Phase::Run, failure));
    }

    fn report_error(self: &Arc<Self>, error: &HookError) {
        self.tell(error);
        log(|| tracing::error!(target: "bootstrap", "{error}"));
    }

    /// Logs and reports a plugin that could not join, where nothing else would.
    pub(super) fn refuse(self: &Arc<Self>, parent: u32, mistake: Mistake) {
        self.report_error(&self.error(
            parent,
            Phase::Load,
            HookFailure::Refused(Box::new(mistake)),
        ));
    }
}
