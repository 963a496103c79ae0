//! The members of a roster under numbers that do not depend on the order of registration.

use std::ops::Range;

use crate::base::location::Location;
use crate::base::name::PluginName;
use crate::collect::{DeclaredChild, Member, Off, Order, Roster, Source, Want};
use crate::plan::graph::number;

/// The members under their first numbers: by name, then in the order of registration.
pub(super) struct Named {
    pub(super) roster: Roster,
    /// The member that has each number.
    pub(super) members: Vec<u32>,
    /// The number of each member.
    numbers: Vec<u32>,
    /// Numbers that share one name, where several do.
    pub(super) namesakes: Vec<Range<u32>>,
}

impl Named {
    pub(super) fn new(roster: Roster) -> Self {
        let name = |member: u32| roster.members[member as usize].name.base();
        let all = 0..number(roster.members.len());
        // Apps that are built in a loop are sorted already, and have no namesakes.
        let in_order = all
            .clone()
            .is_sorted_by(|left, right| name(*left) < name(*right));
        let members = if in_order {
            all.collect()
        } else {
            let declared = |member: u32| roster.members[member as usize].descriptor.location();
            by_name(all, name, declared)
        };
        let mut numbers = vec![0; members.len()];
        for (number, member) in (0_u32..).zip(&members) {
            numbers[*member as usize] = number;
        }
        let mut named = Self {
            roster,
            members,
            numbers,
            namesakes: Vec::new(),
        };
        if !in_order {
            named.find_namesakes();
            named.number_instances();
        }
        named
    }

    /// The same without some numbers, which are others then.
    pub(super) fn only(self, is_kept: &[bool]) -> Self {
        let Self {
            mut roster,
            numbers,
            ..
        } = self;
        let is_kept = |member: usize| is_kept[numbers[member] as usize];
        let mut kept = 0;
        let mut moved: Vec<Option<u32>> = Vec::with_capacity(numbers.len());
        for member in 0..numbers.len() {
            moved.push(is_kept(member).then_some(kept));
            kept += u32::from(is_kept(member));
        }
        let mut member = 0;
        roster.members.retain_mut(|it| {
            // Instances are counted anew.
            it.name.number(0);
            member += 1;
            is_kept(member - 1)
        });
        let entries = roster.member_of_entry.iter_mut();
        for of_entry in entries {
            *of_entry = of_entry.and_then(|member| moved[member as usize]);
        }
        keep_children(&mut roster.children, &moved);
        let held = roster.held.iter().filter_map(|it| moved[*it as usize]);
        roster.held = held.collect();
        Self::new(roster)
    }

    fn find_namesakes(&mut self) {
        let name = |member: &u32| &self.roster.members[*member as usize].name;
        let groups = self
            .members
            .chunk_by(|left, right| name(left) == name(right));
        let mut start = 0;
        for group in groups {
            let end = start + number(group.len());
            if group.len() > 1 {
                self.namesakes.push(start..end);
            }
            start = end;
        }
    }

    /// Several instances of one plugin get numbers, in the order of registration.
    fn number_instances(&mut self) {
        for group in &self.namesakes {
            for (instance, number) in (1..).zip(group.clone()) {
                let member = self.members[number as usize];
                self.roster.members[member as usize].name.number(instance);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn numbers(&self) -> Range<u32> {
        0..number(self.len())
    }

    /// The number of each member, in the order of the roster.
    pub(super) fn numbers_of_members(&self) -> &[u32] {
        &self.numbers
    }

    pub(super) fn is_barrier(&self, number: u32) -> bool {
        // Declared children have numbers after those of all members.
        let is_member = (number as usize) < self.len();
        is_member && self.roster.has_barriers && self.member(number).barrier.is_some()
    }

    pub(super) fn member(&self, number: u32) -> &Member {
        &self.roster.members[self.members[number as usize] as usize]
    }

    pub(super) fn name(&self, number: u32) -> &PluginName {
        &self.member(number).name
    }

    /// Whether something that is no plugin needs a plugin.
    pub(super) fn is_held(&self, number: u32) -> bool {
        let member = self.members[number as usize];
        self.roster.held.binary_search(&member).is_ok()
    }

    /// Whether a plugin stands where another one sees it.
    pub(super) fn sees(&self, dependent: u32, other: u32) -> bool {
        let scopes = &self.roster.scopes;
        let other = self.member(other);
        scopes.is_flat() || scopes.sees(self.member(dependent).scope, other.scope, other.exported)
    }

    pub(super) fn wants(&self, number: u32) -> &[Want] {
        self.roster.wants_of(self.member(number))
    }

    pub(super) fn orders(&self, number: u32) -> &[Order] {
        let Range { start, end } = self.member(number).orders;
        &self.roster.orders[start as usize..end as usize]
    }

    /// An entry of the registry that is disabled.
    pub(super) fn off_entry(&self, number: u32) -> Option<&Off> {
        let is_it =
            |off: &&Off| matches!(off.source, Source::Registered { entry, .. } if entry == number);
        self.roster.off.iter().find(is_it)
    }

    /// The number of an entry of the registry.
    pub(super) fn of_entry(&self, entry: u32) -> Option<u32> {
        let member = *self.roster.member_of_entry.get(entry as usize)?;
        Some(self.numbers[member? as usize])
    }
}

/// Keeps the children of those members that are kept, under their new places.
fn keep_children(children: &mut Vec<DeclaredChild>, moved: &[Option<u32>]) {
    let mut kept = 0;
    let mut new_place = Vec::with_capacity(children.len());
    children.retain_mut(|child| {
        new_place.push(kept);
        let Some(member) = moved[child.member as usize] else {
            return false;
        };
        kept += 1;
        child.member = member;
        // Its parent stands before it, and is kept as well.
        child.under = child.under.map(|place| new_place[place as usize]);
        true
    });
}

/// Members by name, then by the place of their declaration (which only mistakes need: different
/// plugins with one name), then in the order of registration: the instances of one plugin.
///
/// Compares the first sixteen bytes as a number: the names lie all over the memory, and looking
/// them up for every comparison would take most of the time of a plan.
fn by_name<'r>(
    members: Range<u32>,
    name: impl Fn(u32) -> &'r str,
    declared: impl Fn(u32) -> Location,
) -> Vec<u32> {
    let mut keys: Vec<(u128, u32)> = members
        .map(|member| (prefix(name(member)), member))
        .collect();
    keys.sort_unstable_by(|(left, one), (right, other)| {
        let names = || name(*one).cmp(name(*other));
        let places = || declared(*one).cmp(&declared(*other));
        let text = left.cmp(right).then_with(names);
        text.then_with(places).then(one.cmp(other))
    });
    keys.into_iter().map(|(_, member)| member).collect()
}

/// The beginning of a text as a number that is ordered as the text is.
fn prefix(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let len = text.len().min(bytes.len());
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often names are looked up to put `n` of them in order, the last one first.
    fn lookups(n: u32, name: impl Fn(u32) -> String) -> usize {
        let names: Vec<String> = (0..n).rev().map(name).collect();
        let looked_up = Cell::new(0);
        let order = by_name(
            0..n,
            |member| {
                looked_up.set(looked_up.get() + 1);
                &names[member as usize]
            },
            |_| Location::caller(),
        );
        assert!(order.into_iter().eq((0..n).rev()));
        looked_up.get()
    }

    #[test]
    fn names_that_begin_differently_are_looked_up_once_each() {
        for n in [1_000, 10_000] {
            assert_eq!(lookups(n, |i| format!("p{i:05}")), n as usize);
        }
    }

    #[test]
    fn names_that_begin_with_the_same_sixteen_bytes_are_put_in_order() {
        assert!(lookups(1_000, |i| format!("sixteen-letters-{i:05}")) >= 1_000);
    }
}
