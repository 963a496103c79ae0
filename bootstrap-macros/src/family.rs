//! Rules of `child_of` and `children`: which plugin registers which.

use std::collections::HashSet;

use proc_macro2::Ident;
use syn::Path;

use crate::args::PluginArgs;
use crate::check::text;
use crate::diagnostics::Diagnostics;
use crate::model::PluginModel;

/// The plugin that registers this one.
pub(crate) fn child_of(
    args: &PluginArgs,
    own: &Ident,
    diagnostics: &mut Diagnostics,
) -> Option<Path> {
    let parent = args.child_of.value()?;
    if is_itself(parent, own) {
        diagnostics.at(
            parent,
            "a plugin can't be a child of itself: name the plugin that registers it while it loads",
        );
        return None;
    }
    Some(parent.clone())
}

/// The plugins that this one registers.
pub(crate) fn children(args: &PluginArgs, own: &Ident, diagnostics: &mut Diagnostics) -> Vec<Path> {
    let mut seen = HashSet::new();
    let mut children = args.children.value().cloned().unwrap_or_default();
    children.retain(|child| {
        let name = text(child);
        if is_itself(child, own) {
            diagnostics.at(
                child,
                "a plugin can't be its own child: name the plugins that it registers while it loads",
            );
            return false;
        }
        if seen.contains(&name) {
            diagnostics.at(child, format_args!("the child `{name}` is listed twice"));
        }
        seen.insert(name)
    });
    children
}

fn is_itself(path: &Path, own: &Ident) -> bool {
    path.is_ident("Self") || path.is_ident(own)
}

/// What does not go together.
pub(crate) fn check(model: &PluginModel, diagnostics: &mut Diagnostics) {
    let Some(parent) = &model.child_of else {
        return;
    };
    if model.replaces.is_some() {
        diagnostics.at(
            parent,
            "a replacement is not the child of another plugin: name it in the `children = [..]` of the plugin that registers it",
        );
    }
    if model.is_generic() && !model.borrows() {
        diagnostics.at(
            parent,
            "a plugin with generic parameters is many: write `collect = never`, and name those that are registered in the `children = [..]` of their parent",
        );
    }
    let name = text(parent);
    if let Some(child) = model.children.iter().find(|child| text(child) == name) {
        diagnostics.at(
            child,
            format_args!("`{name}` can't be both the parent and a child of this plugin"),
        );
    }
}
