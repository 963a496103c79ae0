//! Scopes: from where a state is seen. Pure.
//!
//! Scopes are numbered in the order in which they were opened, so a scope has a greater number
//! than the one around it. That makes the nearest of several scopes on one way out the one with
//! the greatest number.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::base::location::Location;

/// The app itself, as the outermost scope.
pub(crate) const ROOT: u32 = 0;

/// The scopes of an app: the root, and those in it.
#[derive(Clone, Debug)]
pub(crate) struct Scopes(Vec<ScopeInfo>);

/// One scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeInfo {
    /// The root has none.
    pub(crate) name: Option<Arc<str>>,
    /// The names on the way from the root to it: `admin/users`.
    pub(crate) path: Option<Arc<str>>,
    /// The scope around it; the root is its own.
    pub(crate) parent: u32,
    /// How long all loads in the scope may take together.
    pub(crate) limit: Option<Duration>,
    /// Where it was opened.
    pub(crate) at: Option<Location>,
}

/// A provider of a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) node: u32,
    pub(crate) scope: u32,
    /// Whether it is seen in the scope around its own as well.
    pub(crate) exported: bool,
}

/// Which of the candidates is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No candidate is seen from there.
    None,
    One(u32),
    /// Several stand in the nearest scope that has any.
    Several(Vec<u32>),
}

impl Default for Scopes {
    fn default() -> Self {
        Self(vec![ScopeInfo {
            name: None,
            path: None,
            parent: ROOT,
            limit: None,
            at: None,
        }])
    }
}

impl Deref for Scopes {
    type Target = [ScopeInfo];

    fn deref(&self) -> &[ScopeInfo] {
        &self.0
    }
}

impl Scopes {
    /// Opens a scope in another one; returns its number.
    pub(crate) fn add(&mut self, parent: u32, name: Arc<str>, at: Location) -> u32 {
        let path = match self.path(parent) {
            Some(around) => Arc::from(format!("{around}/{name}")),
            None => Arc::clone(&name),
        };
        let number = u32::try_from(self.0.len()).expect("no app has 2^32 scopes");
        self.0.push(ScopeInfo {
            name: Some(name),
            path: Some(path),
            parent,
            limit: None,
            at: Some(at),
        });
        number
    }

    pub(crate) fn limit(&mut self, scope: u32, limit: Duration) {
        self.0[scope as usize].limit = Some(limit);
    }

    /// Whether there is nothing but the root.
    pub(crate) fn is_flat(&self) -> bool {
        self.0.len() == 1
    }

    /// The names on the way to a scope; none for the root.
    pub(crate) fn path(&self, scope: u32) -> Option<&str> {
        self.0[scope as usize].path.as_deref()
    }

    /// The scope around another one.
    pub(crate) fn parent(&self, scope: u32) -> Option<u32> {
        (scope != ROOT).then(|| self.0[scope as usize].parent)
    }

    /// A scope, the one around it, and so on to the root.
    pub(crate) fn outwards(&self, scope: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(scope), |scope| self.parent(*scope))
    }

    /// Whether a scope is `outer`, or lies somewhere in it.
    pub(crate) fn is_inside(&self, scope: u32, outer: u32) -> bool {
        let mut way = self.outwards(scope);
        way.find(|scope| *scope <= outer) == Some(outer)
    }

    /// The scopes whose plugins find a provider at once: its own, and the one around it if it is
    /// exported.
    pub(crate) fn seen_in(&self, scope: u32, exported: bool) -> impl Iterator<Item = u32> {
        let around = exported.then(|| self.parent(scope)).flatten();
        std::iter::once(scope).chain(around)
    }

    /// Whether a provider is seen from a scope, if no nearer one hides it.
    pub(crate) fn sees(&self, from: u32, scope: u32, exported: bool) -> bool {
        let mut places = self.seen_in(scope, exported);
        places.any(|place| self.is_inside(from, place))
    }

    /// The providers of a state in each scope on the way out from `from`.
    pub(crate) fn places(&self, from: u32, candidates: &[Candidate]) -> Vec<Vec<u32>> {
        let here = |place: u32| {
            let is_here =
                |it: &&Candidate| self.seen_in(it.scope, it.exported).any(|at| at == place);
            candidates
                .iter()
                .filter(is_here)
                .map(|it| it.node)
                .collect()
        };
        self.outwards(from).map(here).collect()
    }

    /// The provider of a state that a plugin in the scope `from` gets: the one in the
    /// nearest scope on the way out that has any.
    pub(crate) fn find(&self, from: u32, candidates: impl Iterator<Item = Candidate>) -> Found {
        let mut nearest = ROOT;
        let mut nodes = Vec::new();
        for candidate in candidates {
            for place in self.seen_in(candidate.scope, candidate.exported) {
                if place < nearest || !self.is_inside(from, place) {
                    continue;
                }
                if place > nearest {
                    nearest = place;
                    nodes.clear();
                }
                nodes.push(candidate.node);
            }
        }
        match nodes.as_slice() {
            [] => Found::None,
            [only] => Found::One(*only),
            _ => Found::Several(nodes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `admin` (1), `admin/users` (2) and `public` (3).
    fn scopes() -> Scopes {
        let mut scopes = Scopes::default();
        for (parent, name) in [(ROOT, "admin"), (1, "users"), (ROOT, "public")] {
            scopes.add(parent, name.into(), Location::caller());
        }
        scopes
    }

    fn candidate(node: u32, scope: u32, exported: bool) -> Candidate {
        Candidate {
            node,
            scope,
            exported,
        }
    }

    fn find(from: u32, candidates: &[Candidate]) -> Found {
        scopes().find(from, candidates.iter().copied())
    }

    #[test]
    fn a_scope_knows_its_way_out() {
        let scopes = scopes();
        assert!(scopes.outwards(2).eq([2, 1, 0]));
        assert_eq!(scopes.path(2), Some("admin/users"));
        assert_eq!(scopes.path(ROOT), None);
        assert!(scopes.is_inside(2, 1) && scopes.is_inside(2, 2) && scopes.is_inside(3, ROOT));
        assert!(!scopes.is_inside(3, 1) && !scopes.is_inside(1, 2));
    }

    #[test]
    fn the_nearest_scope_that_has_a_candidate_decides() {
        let all = [
            candidate(7, ROOT, false),
            candidate(8, 1, false),
            candidate(9, 3, false),
        ];
        assert_eq!(find(2, &all), Found::One(8));
        assert_eq!(find(3, &all), Found::One(9));
        assert_eq!(find(ROOT, &all), Found::One(7));
        assert_eq!(find(3, &all[..2]), Found::One(7));
        assert_eq!(find(3, &all[1..2]), Found::None);
    }

    #[test]
    fn who_is_published_stands_in_the_scope_around_as_well() {
        let inner = [candidate(5, 2, true)];
        assert_eq!(find(2, &inner), Found::One(5));
        assert_eq!(find(1, &inner), Found::One(5));
        assert_eq!(find(ROOT, &inner), Found::None);
        let two = [candidate(5, 2, true), candidate(6, 1, false)];
        assert_eq!(find(2, &two), Found::One(5));
        assert_eq!(find(1, &two), Found::Several(vec![5, 6]));
        assert_eq!(find(ROOT, &[candidate(4, ROOT, true)]), Found::One(4));
    }
}
