//! Trees of what waited for what, drawn as avvio draws its plugins.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::base::text;
use crate::report::record::{Outcome, PluginReport, Report, Step};

impl Report {
    /// The boot as a tree in which every plugin hangs under the one that it waited for last.
    ///
    /// A path from the root is thus a chain of waiting, and the one that ends last is why the boot
    /// took as long as it did. The time behind a plugin is what its own `load` took.
    ///
    /// Plugins that never began are not drawn, as after a failed boot: [`Report::plugins`] has them with
    /// [`Outcome::NotStarted`] or [`Outcome::Skipped`], and
    /// [`BootError::not_started`](crate::error::BootError::not_started) says what kept them. Only the tree that
    /// a failed boot logs shows them, at its end.
    ///
    /// ```text
    /// boot 56 ms
    /// ├─┬ config 2 ms
    /// │ └─┬ database 51 ms
    /// │   └── api 3 ms
    /// └── metrics 1 ms
    /// ```
    pub fn boot_tree(&self) -> String {
        self.tree_of_the_boot(Drawn::Begun)
    }

    /// The same with the plugins whose load has not begun, at the end: of a boot that has failed.
    pub(crate) fn failed_boot_tree(&self) -> String {
        self.tree_of_the_boot(Drawn::All)
    }

    fn tree_of_the_boot(&self, drawn: Drawn) -> String {
        let order = Order::OfThePlan;
        let tree = Tree::new("boot", self.boot);
        tree.grow(
            &self.plugins,
            order,
            drawn,
            |plugin| plugin.load,
            |plugin| {
                let step = plugin.ready();
                let failed = |step: Step| (step.outcome != Outcome::Done).then_some(step.outcome);
                [("ready", step.and_then(|it| it.took), step.and_then(failed))]
            },
        )
    }

    /// The close as a tree in which every plugin hangs under the one that it waited for last.
    ///
    /// The time behind a plugin is what its own `close` took; what was worth a millisecond before
    /// that, or went wrong, stands behind it. The first line has what these parts of the close took.
    ///
    /// ```text
    /// close 313 ms (drain 310 ms)
    /// └─┬ http 0 us (drain 310 ms)
    ///   └── database 3 ms
    /// ```
    pub fn close_tree(&self) -> String {
        let order = Order::Reverse;
        let mut tree = Tree::new("close", self.close);
        if let Some(closing) = self.closing {
            tree.aside([
                ("drain", Some(closing.drain), None),
                ("stop", Some(closing.stop), None),
                ("hooks", Some(closing.hooks), None),
            ]);
        }
        tree.grow(
            &self.plugins,
            order,
            Drawn::Begun,
            |plugin| plugin.close,
            |plugin| {
                let part = |name, step: Option<Step>| {
                    let failed =
                        |step: Step| (step.outcome != Outcome::Done).then_some(step.outcome);
                    (name, step.and_then(|it| it.took), step.and_then(failed))
                };
                [part("drain", plugin.drain()), part("stop", plugin.stop())]
            },
        )
    }

    /// Whether closing has begun.
    pub(crate) fn has_closed(&self) -> bool {
        self.plugins
            .iter()
            .any(|plugin| plugin.close.outcome != Outcome::NotStarted)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.boot_tree())?;
        if self.has_closed() {
            write!(f, "\n{}", self.close_tree())?;
        }
        Ok(())
    }
}

/// Deeper chains go on at this depth: a line must stay readable, and the whole linear in size.
const DEEPEST: usize = 40;

/// How plugins are ordered that began at one instant.
#[derive(Clone, Copy)]
enum Order {
    OfThePlan,
    Reverse,
}

/// Which plugins are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drawn {
    /// Those whose step has begun.
    Begun,
    All,
}

/// Something beside the main time: what, how long, and how it ended if not well.
type Part = (&'static str, Option<Duration>, Option<Outcome>);

/// Below this a part is not worth a word.
pub(crate) const WORTH_A_WORD: Duration = Duration::from_millis(1);

/// A tree that is being drawn.
struct Tree(String);

impl Tree {
    fn new(root: &str, total: Option<Duration>) -> Self {
        let mut tree = Self(root.to_owned());
        if let Some(total) = total {
            let _ = write!(tree.0, " {}", text::duration(total));
        }
        tree
    }

    /// Adds the parts that are worth it, in brackets.
    fn aside(&mut self, parts: impl IntoIterator<Item = Part>) {
        let worth = |(_, took, failed): &Part| {
            failed.is_some() || took.is_some_and(|took| took >= WORTH_A_WORD)
        };
        let said = parts.into_iter().filter(worth).map(|(name, took, failed)| {
            let took = took.map(|took| format!(" {}", text::duration(took)));
            let failed = failed.map(|outcome| format!(" {outcome}"));
            format!(
                "{name}{}{}",
                took.unwrap_or_default(),
                failed.unwrap_or_default()
            )
        });
        let said: Vec<String> = said.collect();
        if !said.is_empty() {
            let _ = write!(self.0, " ({})", said.join(", "));
        }
    }

    /// Draws the plugins whose `step` has begun, in the order in which they began, and then the others
    /// if all are to be drawn.
    fn grow<const N: usize>(
        mut self,
        plugins: &[PluginReport],
        order: Order,
        drawn: Drawn,
        step: impl Fn(&PluginReport) -> Step,
        parts: impl Fn(&PluginReport) -> [Part; N],
    ) -> String {
        let mut forest = Forest::grow(plugins, order, &step);
        if drawn == Drawn::All {
            let begun = |index: &usize| step(&plugins[*index]).began.is_some();
            let others = (0..plugins.len()).filter(|index| !begun(index));
            forest.roots.extend(others);
        }
        // Depth first without recursion: the next siblings wait on the stack, the first on top.
        let mut stack: Vec<(usize, String, bool, usize)> = Vec::new();
        push_row(&mut stack, &forest.roots, "", 0);
        while let Some((index, indent, last, depth)) = stack.pop() {
            let plugin = &plugins[index];
            let branches = &forest.branches[index];
            let level = depth + 1;
            let flat = level >= DEEPEST;
            let corner = if last { '└' } else { '├' };
            let joint = if branches.is_empty() || flat {
                '─'
            } else {
                '┬'
            };
            let _ = write!(self.0, "\n{indent}{corner}─{joint} {}", plugin.name);
            describe(&mut self.0, step(plugin));
            self.aside(parts(plugin));
            let deeper = match (flat, last) {
                (true, _) => indent,
                (false, true) => format!("{indent}  "),
                (false, false) => format!("{indent}│ "),
            };
            push_row(&mut stack, branches, &deeper, level);
        }
        self.0
    }
}

fn push_row(
    stack: &mut Vec<(usize, String, bool, usize)>,
    row: &[usize],
    indent: &str,
    depth: usize,
) {
    for (i, index) in row.iter().enumerate().rev() {
        stack.push((*index, indent.to_owned(), i + 1 == row.len(), depth));
    }
}

fn describe(out: &mut String, step: Step) {
    if let Some(took) = step.took {
        let _ = write!(out, " {}", text::duration(took));
    }
    if step.outcome != Outcome::Done {
        let _ = write!(out, " {}", step.outcome);
    }
}

struct Forest {
    roots: Vec<usize>,
    branches: Vec<Vec<usize>>,
}

impl Forest {
    /// The plugin under which another one hangs: the one that it waited for last, of those that are drawn.
    fn drawn(
        plugins: &[PluginReport],
        index: usize,
        step: &impl Fn(&PluginReport) -> Step,
    ) -> Option<usize> {
        let mut next = step(&plugins[index]).released_by;
        // Plugins that never started are skipped, and waited for no known plugin. As many steps as
        // there are plugins are enough, whatever a report that was made elsewhere says.
        for _ in 0..plugins.len() {
            let parent = step(plugins.get(next?)?);
            if parent.began.is_some() {
                return next;
            }
            next = parent.released_by;
        }
        None
    }

    fn grow(plugins: &[PluginReport], order: Order, step: &impl Fn(&PluginReport) -> Step) -> Self {
        let begun = |index| Some((step(&plugins[index]).began?, index));
        let mut begun: Vec<(Duration, usize)> = match order {
            Order::OfThePlan => (0..plugins.len()).filter_map(begun).collect(),
            Order::Reverse => (0..plugins.len()).rev().filter_map(begun).collect(),
        };
        begun.sort_by_key(|(began, _)| *began);
        let mut forest = Self {
            roots: Vec::new(),
            branches: vec![Vec::new(); plugins.len()],
        };
        for (_, index) in begun {
            match Self::drawn(plugins, index, step) {
                Some(parent) => forest.branches[parent].push(index),
                None => forest.roots.push(index),
            }
        }
        forest
    }
}
