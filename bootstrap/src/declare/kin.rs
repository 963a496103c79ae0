//! What is wrong with parents and children by themselves, found by the compiler: see `cycle`.

use crate::declare::const_text::Text;
use crate::declare::declaration::{Link, MOST_ANCESTORS};

/// What to do about a child that needs its own parent.
pub(super) const PARENT_WAITS: &str = "a parent has loaded when its children have: give the child what it needs as an option, or register it elsewhere";

/// What to do about a parent that needs its own child.
pub(super) const AWAIT_THE_CHILD: &str = "a plugin begins to load before its children: let its `load` wait for the child, which gives its states: `cx.register(child).await?`";

/// Panics, in a constant, if a plugin can't be registered by a parent.
///
/// # Panics
///
/// With what is wrong.
#[track_caller]
pub const fn check_child(child: Link) {
    let declaration = child.declaration();
    if declaration.behaviour.build.is_none() {
        return;
    }
    let mut text = Text::new();
    text.push("the child ");
    text.quote(declaration.name);
    text.push(" is collected, so it is part of the app without its parent");
    text.at(declaration.location);
    text.push(
        "\nhelp: write `child_of = ..` with its parent there, or `collect = never` if it can't name that",
    );
    panic!("{}", text.as_str());
}

/// Panics, in a constant, if a plugin is its own ancestor, or needs its own child.
#[track_caller]
pub(super) const fn check_family(start: Link) {
    if start.parent().is_some() {
        check_ancestors(start);
    }
    let declaration = start.declaration();
    if declaration.children.is_empty() {
        return;
    }
    let mut field = 0;
    while field < declaration.requires.len() {
        // One that names its parent is found as a cycle; instances of a generic plugin can't be told
        // from each other here.
        if let Some(child) = declaration.edge(field)
            && child.declared().is_some()
            && declaration.lists(child)
            && !child.declaration().is_within(start)
        {
            let mut text = Text::new();
            text.push("a plugin depends on itself");
            text.line(declaration.name, "needs ");
            text.quote(child.declaration().name);
            text.push(", its child,");
            text.field(&declaration.requires[field]);
            text.push("\nhelp: ");
            text.push(AWAIT_THE_CHILD);
            panic!("{}", text.as_str());
        }
        field += 1;
    }
}

/// Panics if the greatest id among plugins that are within each other is that of `start`.
#[track_caller]
const fn check_ancestors(start: Link) {
    let mut text = Text::new();
    text.push("plugins are children of each other");
    let mut at = start;
    let mut steps = 0;
    while let Some(parent) = at.parent()
        && steps < MOST_ANCESTORS
    {
        text.line(at.declaration().name, "is a child of ");
        text.quote(parent.plugin.declaration().name);
        text.at(parent.location);
        at = parent.plugin;
        if at.id() == start.id() {
            text.push("\nhelp: one of them is registered first: take its `child_of` away");
            panic!("{}", text.as_str());
        }
        if at.id() > start.id() {
            return;
        }
        steps += 1;
    }
}
