//! A plan as text and as the source of drawings.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::base::text;
use crate::plan::schedule::{Brought, Edge, Plan, PlannedPlugin};
use crate::plan::scope::{PlannedScope, Shadowed};

impl Plan {
    /// The graph in the language of [Mermaid](https://mermaid.js.org), as Markdown viewers draw
    /// it.
    pub fn to_mermaid(&self) -> String {
        mermaid(self)
    }

    /// The graph in the DOT language of [Graphviz](https://graphviz.org).
    pub fn to_dot(&self) -> String {
        dot(self)
    }

    /// How many there are, in words.
    pub(crate) fn count(&self) -> String {
        let barriers = match self.regions.as_slice() {
            [] => 0,
            _ => self.order().filter(PlannedPlugin::is_barrier).count(),
        };
        let plugins = text::count(self.len() - barriers, "plugin");
        match barriers {
            0 => plugins,
            _ => format!("{plugins}, {}", text::count(barriers, "barrier")),
        }
    }
}

/// A list, level by level.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(self))
    }
}

/// One line for each plugin, level by level, with what it waits for.
fn list(plan: &Plan) -> String {
    let mut out = plan.count();
    for scope in plan.scopes() {
        let _ = write!(out, "\nscope {}", scope.path());
        if let Some(limit) = scope.timeout() {
            let _ = write!(out, ", which loads within {}", text::duration(limit));
        }
    }
    for (number, row) in plan.levels().enumerate() {
        let _ = write!(out, "\nlevel {number}");
        for plugin in row {
            let _ = write!(out, "\n  {}", plugin.name());
            if plugin.is_barrier() {
                out.push_str(", a barrier");
            }
            let mut separator = " <- ";
            for requirement in plugin.requires() {
                let _ = write!(out, "{separator}{}", requirement.name());
                separator = ", ";
            }
            for Edge { to, .. } in plugin.lazy() {
                let _ = write!(out, "; looks up {} later", to.name());
            }
            for Shadowed { state, plugin } in plugin.shadows() {
                let _ = write!(out, "; hides `{state}` of {}", plugin.name());
            }
            let mut separator = "; brings ";
            for child in plugin.children() {
                let _ = write!(out, "{separator}{}", child.name());
                separator = ", ";
            }
        }
    }
    if !plan.disabled().is_empty() {
        out.push_str("\ndisabled");
        for off in plan.disabled() {
            let _ = write!(out, "\n  {off}");
        }
    }
    if !plan.skipped().is_empty() {
        out.push_str("\nskipped, because no plugin needs them");
        for name in plan.skipped() {
            let _ = write!(out, "\n  {name}");
        }
    }
    out
}

/// The disabled plugins, as comments of a drawing, in which they have no place.
fn write_disabled(out: &mut String, plan: &Plan, comment: &str) {
    for off in plan.disabled() {
        let _ = write!(out, "\n    {comment} disabled: {off}");
    }
}

/// A text as a label of Mermaid, which reads labels as HTML.
fn label(text: &str) -> String {
    let text = text.replace('"', "#quot;");
    text.replace('<', "#lt;").replace('>', "#gt;")
}

/// A flowchart from what is needed to what needs it, as the boot runs.
fn mermaid(plan: &Plan) -> String {
    let mut out = "flowchart LR".to_owned();
    write_disabled(&mut out, plan, "%%");
    let ids = ids(plan);
    for (id, plugin) in ids.iter().zip(plan.order()) {
        let name = label(&plugin.name().to_string());
        let (left, right) = if plugin.is_barrier() {
            ("{{", "}}")
        } else {
            ("[", "]")
        };
        let _ = write!(out, "\n    {id}{left}\"{name}\"{right}");
    }
    for (id, child) in children(plan) {
        let name = label(&child.name.to_string());
        let _ = write!(out, "\n    {id}(\"{name}\")");
    }
    let begin = |scope: PlannedScope<'_>| {
        let path = label(scope.path());
        format!("subgraph s{}[\"{path}\"]", scope.number())
    };
    write_groups(&mut out, plan, &ids, begin, "end");
    for edge in drawn_edges(plan) {
        let states = label(&edge.states);
        let (from, to) = (&ids[edge.from], &ids[edge.to]);
        if states.is_empty() {
            let _ = write!(out, "\n    {from} -.-> {to}");
        } else if edge.is_lazy {
            let _ = write!(out, "\n    {from} -.->|\"lazy {states}\"| {to}");
        } else {
            let _ = write!(out, "\n    {from} -->|\"{states}\"| {to}");
        }
    }
    for (id, child) in children(plan) {
        let _ = write!(out, "\n    {} ---|brings| {id}", parent_id(plan, child));
    }
    for (by, Shadowed { state, plugin }) in shadows(plan) {
        let state = label(&state.to_string());
        let (by, hidden) = (&ids[by as usize], &ids[plugin.number() as usize]);
        let _ = write!(out, "\n    {by} --x|\"hides {state}\"| {hidden}");
    }
    out
}

/// The same graph for Graphviz; an order without a state, and a state without an order, are dashed.
fn dot(plan: &Plan) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = "digraph plan {\n    rankdir=LR;\n    node [shape=box];".to_owned();
    write_disabled(&mut out, plan, "//");
    let ids = ids(plan);
    for (id, plugin) in ids.iter().zip(plan.order()) {
        let _ = write!(
            out,
            "\n    {id} [label=\"{}\"{}];",
            escape(&plugin.name().to_string()),
            if plugin.is_barrier() {
                ", shape=hexagon"
            } else {
                ""
            }
        );
    }
    for (id, child) in children(plan) {
        let name = escape(&child.name.to_string());
        let _ = write!(out, "\n    {id} [label=\"{name}\", style=rounded];");
    }
    let begin = |scope: PlannedScope<'_>| {
        let (number, path) = (scope.number(), escape(scope.path()));
        format!("subgraph cluster_{number} {{ label=\"{path}\";")
    };
    write_groups(&mut out, plan, &ids, begin, "}");
    for edge in drawn_edges(plan) {
        let (from, to) = (&ids[edge.from], &ids[edge.to]);
        let style = if edge.states.is_empty() {
            "style=dashed".to_owned()
        } else if edge.is_lazy {
            // It says nothing of the order, so nothing of the ranks.
            let states = escape(&edge.states);
            format!("style=dashed, constraint=false, label=\"lazy {states}\"")
        } else {
            format!("label=\"{}\"", escape(&edge.states))
        };
        let _ = write!(out, "\n    {from} -> {to} [{style}];");
    }
    for (id, child) in children(plan) {
        let parent = parent_id(plan, child);
        let _ = write!(
            out,
            "\n    {parent} -> {id} [arrowhead=none, label=brings];"
        );
    }
    for (by, Shadowed { state, plugin }) in shadows(plan) {
        let state = escape(&state.to_string());
        let (by, hidden) = (&ids[by as usize], &ids[plugin.number() as usize]);
        let _ = write!(
            out,
            "\n    {by} -> {hidden} [style=dotted, arrowhead=tee, constraint=false, \
             label=\"hides {state}\"];"
        );
    }
    out.push_str("\n}");
    out
}

/// A group of nodes for every scope. Groups are not nested: their names say where they belong, and
/// a scope without plugins of its own is not drawn.
fn write_groups(
    out: &mut String,
    plan: &Plan,
    ids: &[String],
    begin: impl Fn(PlannedScope<'_>) -> String,
    end: &str,
) {
    let scoped = plan
        .order()
        .filter_map(|plugin| Some((plugin.scope()?, plugin.number())));
    let mut groups: BTreeMap<u32, (PlannedScope<'_>, Vec<u32>)> = BTreeMap::new();
    for (scope, node) in scoped {
        let group = groups.entry(scope.number());
        group.or_insert_with(|| (scope, Vec::new())).1.push(node);
    }
    for (scope, nodes) in groups.into_values() {
        let _ = write!(out, "\n    {}", begin(scope));
        for node in nodes {
            let _ = write!(out, "\n        {};", ids[node as usize]);
            for (id, _) in children(plan).filter(|(_, child)| child.node == node) {
                let _ = write!(out, "\n        {id};");
            }
        }
        let _ = write!(out, "\n    {end}");
    }
}

/// Which plugin hides which state of which.
fn shadows(plan: &Plan) -> impl Iterator<Item = (u32, Shadowed<'_>)> {
    plan.order().flat_map(|plugin| {
        let by = plugin.number();
        plugin.shadows().map(move |shadowed| (by, shadowed))
    })
}

/// Declared children, which are nodes of a drawing alone.
fn children(plan: &Plan) -> impl Iterator<Item = (String, &Brought)> {
    let numbers = 0..plan.children.len();
    numbers.map(|place| (format!("c{place}"), &plan.children[place]))
}

/// The parent of a child: a plugin, or another child of that.
fn parent_id(plan: &Plan, of: &Brought) -> String {
    let mut family = children(plan).filter(|(_, child)| child.node == of.node);
    let parent = family.find(|(_, child)| child.name == of.parent);
    parent.map_or_else(|| format!("p{}", of.node), |(id, _)| id)
}

fn ids(plan: &Plan) -> Vec<String> {
    (0..plan.len()).map(|node| format!("p{node}")).collect()
}

struct Drawn {
    from: usize,
    to: usize,
    states: String,
    is_lazy: bool,
}

/// The edges in the direction in which the boot goes, each with the states that go along it; then
/// those of what is looked up later.
fn drawn_edges(plan: &Plan) -> impl Iterator<Item = Drawn> {
    plan.edges().chain(plan.lazy_edges()).map(|edge| {
        let mut states: Vec<String> = edge.states().map(|state| state.to_string()).collect();
        // Two fields that ask for one state are one label.
        states.dedup();
        Drawn {
            from: edge.to.number() as usize,
            to: edge.from.number() as usize,
            states: states.join(", "),
            is_lazy: edge.is_lazy,
        }
    })
}
