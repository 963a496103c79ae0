//! Cycles in words: every step with its reason, and where to cut.

use crate::collect::Source;
use crate::plan::cycle::{Cycle, cycles};
use crate::plan::links::Links;
use crate::plan::mistakes::Field;
use crate::plan::named::Named;
use crate::plan::schedule::{Binding, by_field};
use crate::plan::words::Words;
use crate::report::{CycleStep, Found, Mistake};

/// The cycles of the graph in words.
pub(super) fn cycle_errors(named: &Named, links: &Links) -> Vec<Mistake> {
    let words = Words::new(named, links);
    let cycles = cycles(links.whole());
    cycles.iter().map(|cycle| words.cycle(cycle)).collect()
}

impl Words<'_> {
    fn cycle(&self, Cycle { walk, others }: &Cycle) -> Mistake {
        let nexts = walk.iter().cycle().skip(1);
        let steps = walk.iter().zip(nexts).map(|(from, to)| CycleStep {
            plugin: self.place(*from),
            reason: self.reason(*from, *to),
        });
        let mut way = self.way_from_root(walk[0]);
        way.retain(|number| !walk.contains(number));
        Mistake::Cycle {
            steps: steps.collect(),
            way: self.names(&way),
            others: *others,
            cut: self.cheapest_cut(walk),
            found: Found::Plan,
        }
    }

    /// What to do about a cycle: what only orders goes first, then what one can do without.
    fn cheapest_cut(&self, walk: &[u32]) -> Option<String> {
        let edges = || walk.iter().zip(walk.iter().cycle().skip(1));
        let is_order = |from: u32, to: u32| {
            let is_barrier = self.named.is_barrier(from) || self.named.is_barrier(to);
            !is_barrier && !self.brings(from, to) && self.field_between(from, to).is_none()
        };
        let order = edges().find(|(from, to)| is_order(**from, **to));
        if let Some((from, to)) = order {
            let (from, to) = (self.name(*from), self.name(*to));
            return Some(format!(
                "`{from}` needs nothing of `{to}`: take the `after` away"
            ));
        }
        if let Some(cut) = self.cut_at_barrier(walk) {
            return Some(cut);
        }
        edges().find_map(|(from, to)| {
            let field = self.field_between(*from, *to)?;
            let (field, is_optional) = self.field(*from, field);
            let from = self.name(*from);
            is_optional
                .then(|| format!("`{from}` can do without its field `{field}`: take it away"))
        })
    }

    /// What to do about a cycle through a barrier: something behind it is needed before it.
    fn cut_at_barrier(&self, walk: &[u32]) -> Option<String> {
        let is_barrier = |number: &u32| self.named.is_barrier(*number);
        let mut edges = walk.iter().zip(walk.iter().cycle().skip(1));
        let (late, barrier) = edges.find(|(from, to)| !is_barrier(from) && is_barrier(to))?;
        let from_barrier = walk.iter().cycle().skip_while(|it| *it != barrier);
        // A cycle that holds a plugin comes to one.
        let is_plugin = |it: &&u32| !is_barrier(it) && self.links.family.child(**it).is_none();
        let early = from_barrier.take(walk.len()).find(is_plugin)?;
        let is_collected = matches!(self.named.member(*early).source, Source::Collected(_));
        let name = |number: &u32| self.name(*number);
        let (late, barrier, early) = (name(late), name(barrier), name(early));
        Some(if is_collected {
            format!(
                "`{late}` is registered after the barrier `{barrier}`, and `{early}`, which is \
                 collected and so counts as registered before it, needs that: register `{late}` \
                 before the barrier, or `{early}` by hand after it, or take the barrier away"
            )
        } else {
            format!(
                "`{late}` is registered after the barrier `{barrier}`, and needed before it: \
                 register `{late}` before the barrier, or `{early}` after it, or take the barrier \
                 away"
            )
        })
    }

    /// Whether `from` is declared to register `to`.
    fn brings(&self, from: u32, to: u32) -> bool {
        let child = self.links.family.child(to);
        child.is_some_and(|child| child.parent == from)
    }

    /// A field, and whether its plugin can do without it.
    fn field(&self, of: u32, field: usize) -> (&'static str, bool) {
        if let Some(child) = self.links.family.child(of) {
            let requirement = &child.declaration.requirements()[field];
            (requirement.field, !requirement.need.asks.is_required())
        } else {
            let want = &self.named.wants(of)[field];
            (want.field, !want.asks.is_required())
        }
    }

    /// The first field of `from` that is bound by `to`.
    fn field_between(&self, from: u32, to: u32) -> Option<usize> {
        if let Some(child) = self.links.family.child(from) {
            let need = child.needs.iter().find(|need| need.provider == to);
            return need.map(|need| need.field);
        }
        let is_to = |binding: &Binding| binding.waits_for() == Some(to);
        let mut fields = by_field(self.links.bindings(from));
        fields.position(|bindings| bindings.iter().any(is_to))
    }

    /// Why `from` waits for `to`.
    fn reason(&self, from: u32, to: u32) -> String {
        if self.brings(from, to) {
            let place = self.place(to);
            format!("`{}` is its child ({})", place.plugin, place.declared)
        } else if let Some(place) = self.field_between(from, to) {
            let of = Field {
                plugin: from,
                field: place,
            };
            let dependent = self.dependent(of, false);
            let (what, declared) = (dependent.requirement(), dependent.declared);
            let field = dependent.field;
            if dependent.is_derived || field.contains(':') {
                format!("{what} ({declared})")
            } else {
                // Only plugins that were made at run time have fields without types.
                let state = self.named.wants(from)[place].state;
                format!("field `{field}`, {} ({declared})", state.described())
            }
        } else if self.named.is_barrier(from) {
            let place = self.place(to);
            match place.registered {
                Some(at) => format!("`{}` is registered before it ({at})", place.plugin),
                None => format!(
                    "`{}` is collected, and so counts as registered before it ({})",
                    place.plugin, place.declared
                ),
            }
        } else if self.named.is_barrier(to) {
            let place = self.place(from);
            let at = place.registered.unwrap_or(place.declared);
            format!("`{}` is registered after it ({at})", place.plugin)
        } else {
            let place = self.place(from);
            let at = place.registered.unwrap_or(place.declared);
            format!("only an order, by `after` ({at})")
        }
    }
}
