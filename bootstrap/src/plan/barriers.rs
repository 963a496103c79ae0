//! Between which barriers each plugin stands.

use crate::collect::{Scopes, Source};
use crate::plan::named::Named;

/// The barriers around each number; both lists are empty in an app without barriers.
#[derive(Default)]
pub(super) struct Barriers {
    /// The last one that was registered before it, in its scope or in one around.
    behind: Vec<Option<u32>>,
    /// The next one that was registered after it, in its scope or in one around.
    ahead: Vec<Option<u32>>,
    /// Each barrier with every number that stands directly before it, in ascending order.
    before: Vec<(u32, u32)>,
}

/// Something that was registered.
#[derive(Clone, Copy)]
struct Standing {
    number: u32,
    scope: u32,
    is_barrier: bool,
}

impl Barriers {
    pub(super) fn find(named: &Named) -> Self {
        if !named.roster.has_barriers {
            return Self::default();
        }
        let standing = |number: u32| {
            let member = named.member(number);
            Standing {
                number,
                scope: member.scope,
                is_barrier: member.barrier.is_some(),
            }
        };
        // Collected plugins come last, and count as registered before all others.
        let members = &named.roster.members;
        let registered = members.partition_point(|it| !matches!(it.source, Source::Collected(_)));
        let (registered, collected) = named.numbers_of_members().split_at(registered);
        let in_order = collected.iter().chain(registered);
        let in_order: Vec<Standing> = in_order.map(|number| standing(*number)).collect();
        Self::between(&named.roster.scopes, &in_order)
    }

    fn between(scopes: &Scopes, in_order: &[Standing]) -> Self {
        let behind = nearest(scopes, in_order.len(), in_order.iter());
        let ahead = nearest(scopes, in_order.len(), in_order.iter().rev());
        let before = (0_u32..).zip(&ahead);
        let before = before.filter_map(|(number, barrier)| Some(((*barrier)?, number)));
        let mut before: Vec<(u32, u32)> = before.collect();
        before.sort_unstable();
        Self {
            behind,
            ahead,
            before,
        }
    }

    /// What a number loads after because of barriers: the one behind it; and if it is one, all
    /// that stands directly before it.
    pub(super) fn earlier(&self, number: u32) -> impl Iterator<Item = u32> {
        let behind = self.behind.get(number as usize).copied().flatten();
        let first = self.before.partition_point(|(it, _)| *it < number);
        let own = self.before[first..].iter();
        let own = own.take_while(move |(it, _)| *it == number);
        behind.into_iter().chain(own.map(|(_, before)| *before))
    }

    /// How many edges there are at most.
    pub(super) fn edges_len(&self) -> usize {
        self.behind.len() + self.before.len()
    }

    /// The barrier that each number stands directly before.
    pub(super) fn ahead(&self) -> &[Option<u32>] {
        &self.ahead
    }
}

/// For each number the last barrier of those that come before it, in its scope or, if that has
/// none, in the nearest one around.
///
/// That one is the nearest of all: a scope is filled at one go, so whatever barrier of the scope
/// around comes before something in it comes before all of it.
fn nearest<'s>(
    scopes: &Scopes,
    len: usize,
    in_order: impl Iterator<Item = &'s Standing>,
) -> Vec<Option<u32>> {
    let mut last = vec![None; scopes.len()];
    let mut nearest = vec![None; len];
    for standing in in_order {
        let mut around = scopes.outwards(standing.scope);
        nearest[standing.number as usize] = around.find_map(|scope| last[scope as usize]);
        if standing.is_barrier {
            last[standing.scope as usize] = Some(standing.number);
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::location::Location;
    use crate::collect::ROOT;

    /// Numbers are places in the list; every entry is its scope, and whether it is a barrier.
    fn between(scopes: &Scopes, list: &[(u32, bool)]) -> Barriers {
        let standing = |(number, (scope, is_barrier)): (u32, &(u32, bool))| Standing {
            number,
            scope: *scope,
            is_barrier: *is_barrier,
        };
        let in_order: Vec<Standing> = (0..).zip(list).map(standing).collect();
        Barriers::between(scopes, &in_order)
    }

    #[test]
    fn everything_stands_between_the_barriers_around_it() {
        let list = [(0, false), (0, true), (0, false), (0, true), (0, false)];
        let barriers = between(&Scopes::default(), &list);
        let (before, after) = (Some(1), Some(3));
        assert_eq!(barriers.behind, [None, None, before, before, after]);
        assert_eq!(barriers.ahead, [before, after, after, None, None]);
        assert!(barriers.earlier(3).eq([1, 1, 2]));
        assert!(barriers.earlier(4).eq([3]));
    }

    #[test]
    fn a_barrier_concerns_its_scope_and_those_inside() {
        let mut scopes = Scopes::default();
        let admin = scopes.add(ROOT, "admin".into(), Location::caller());
        let public = scopes.add(ROOT, "public".into(), Location::caller());
        let list = [
            (admin, false),
            (admin, true),
            (admin, false),
            (public, false),
            (ROOT, true),
            (public, false),
        ];
        let barriers = between(&scopes, &list);
        let (inner, outer) = (Some(1), Some(4));
        assert_eq!(barriers.ahead, [inner, outer, outer, outer, None, None]);
        assert_eq!(barriers.behind, [None, None, inner, None, None, outer]);
        assert!(barriers.earlier(4).eq([1, 2, 3]));
    }
}
