//! Why a node can't join.

use std::sync::Arc;

use anyhow::{Error, anyhow};

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::log::log;
use crate::base::name::PluginName;
use crate::base::phase::Phase;
use crate::declare::Origin;
use crate::live::nodes::Nodes;
use crate::report::{HookError, HookFailure};

impl Nodes {
    fn quoted(&self, nodes: &[u32]) -> Vec<String> {
        let names = nodes.iter().map(|node| self.name(*node));
        names.map(|name| format!("`{name}`")).collect()
    }

    pub(super) fn ambiguous(&self, state: StateKey, providers: &[u32]) -> Error {
        let names = self.quoted(providers);
        anyhow!(
            "several plugins provide the {} that it needs ({}): put the `{}()` of the one that is \
             meant into its field",
            state.described(),
            names.join(", "),
            state.noun()
        )
    }

    pub(super) fn hidden(&self, state: StateKey, providers: &[u32]) -> Error {
        let names = self.quoted(providers);
        anyhow!(
            "it needs the {}, which is provided by {}, in a scope that it does not see: export it \
             from there, or register this one there",
            state.described(),
            names.join(", ")
        )
    }

    pub(super) fn of_ancestor(&self, state: StateKey, field: &str, ancestor: u32) -> Error {
        let name = self.name(ancestor);
        anyhow!(
            "its field `{field}` needs the {} of `{name}`, which brought it into the app and has not \
             loaded before it has: give it what it needs as an option, or register it elsewhere",
            state.described()
        )
    }

    pub(super) fn cycle(&self, way: &[u32]) -> Error {
        let names = self.quoted(way);
        anyhow!(
            "it would wait for {}, which waits for it: plugins would wait for each other in a \
             cycle. Register it elsewhere, or make one of them need less",
            names.join(", which waits for ")
        )
    }

    /// Says that a child awaits what includes itself.
    pub(super) fn waits_for_itself(&self, child: u32, parent: u32) -> Error {
        let (child, parent) = (self.name(child), self.name(parent));
        anyhow!(
            "`{child}` would wait for itself: it awaits what `{parent}` registered, which includes it. \
             Register what it needs through its own context"
        )
    }

    /// Says that nothing can be registered any more.
    pub(super) fn too_late(&self, parent: u32, plugin: &PluginName) -> Error {
        let name = self.name(parent);
        if self.life.is_stopping() {
            let reason = self.life.reason();
            return anyhow!(
                "`{plugin}` was registered by `{name}` when the app was stopping ({reason}): nothing \
                 joins it any more"
            );
        }
        anyhow!(
            "`{plugin}` was registered by `{name}` when that had loaded: plugins join an app only \
             while it boots. Register it before `load` returns"
        )
    }

    /// Reports an error of something that is no plugin.
    pub(crate) fn report_from(self: &Arc<Self>, source: PluginName, at: Location, error: Error) {
        let error = HookError::new(source, at, Phase::Run, HookFailure::Error(error));
        let line = error.to_string();
        self.tell(&error);
        log(|| tracing::error!(target: "bootstrap", "{line}"));
    }

    /// Logs and tells what has no other way to be heard of.
    pub(super) fn refuse(self: &Arc<Self>, node: u32, phase: Phase, error: Error) {
        let error = self.error(node, phase, HookFailure::Error(error));
        let line = error.to_string();
        self.tell(&error);
        log(|| tracing::error!(target: "bootstrap", "{line}"));
    }
}

pub(super) fn missing(state: StateKey, field: &str) -> Error {
    anyhow!(
        "its field `{field}` needs the {}, and no plugin of this app provides it: register the one \
         that does, or make the field an `Option<{}>`",
        state.described(),
        state.handle()
    )
}

/// A handle that was aimed at somebody elsewhere, or a value that nobody here has made.
pub(super) fn foreign(state: StateKey, field: &str, aim: Option<&Arc<Origin>>) -> Error {
    let state = state.described();
    match aim {
        Some(origin) if origin.alive.upgrade().is_none() => anyhow!(
            "its field `{field}` holds the {state} of `{}`, whose registration was dropped with its \
             app: take the handle from a registration of this app",
            origin.plugin
        ),
        Some(origin) => anyhow!(
            "its field `{field}` holds the {state} of `{}` of another app: take the handle from a \
             registration of this app",
            origin.plugin
        ),
        None => anyhow!(
            "its field `{field}` holds a {state} that no plugin of this app has: it is another \
             app's, or was made before its plugin was restarted"
        ),
    }
}

pub(super) fn not_there(state: StateKey, field: &str) -> Error {
    anyhow!(
        "its field `{field}` holds the {} of a plugin that has not joined the app: register that \
         one first",
        state.described()
    )
}

pub(super) fn bad_name() -> Error {
    anyhow!(
        "a name is one word: at least one character, no spaces, no `#` (it numbers instances), no \
         backtick; in that of a scope no `/` either"
    )
}

pub(super) fn taken_name(name: &PluginName) -> Error {
    anyhow!("another plugin of this app is called `{name}`: give it another name")
}

pub(super) fn nothing_to_wait_for() -> Error {
    anyhow!("the boot ended before what was registered had loaded")
}
