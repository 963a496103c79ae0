//! Which of several providers a field gets that asks for one. The one place that decides it.

/// How much a provider counts among those of its scope.
///
/// Ordered by where it comes from, then by whether it is primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Precedence {
    pub(crate) source: Rank,
    pub(crate) is_primary: bool,
}

/// Where a provider comes from: what is done by hand outranks what is collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    #[default]
    Collected,
    Registered,
    Supplied,
}

/// Whether a provider is there by itself, or is a child of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Direct,
    Child,
}

impl Precedence {
    /// The providers that are left when all are gone that another one outranks; one if the choice is
    /// clear.
    ///
    /// Supplied values come first, then registered plugins, then collected ones; among those that
    /// are left, primary ones. A child counts as much as the direct providers that are left, unless
    /// one of the two is supplied or primary.
    pub(crate) fn choose<P: Copy>(providers: &[P], of: impl Fn(P) -> (Self, Standing)) -> Vec<P> {
        let is_direct = |it: &P| of(*it).1 == Standing::Direct;
        let direct = providers.iter().copied().filter(is_direct);
        let highest = direct.map(|it| of(it).0).max();
        let is_left = |it: &P| !is_direct(it) || Some(of(*it).0) == highest;
        let left: Vec<P> = providers.iter().copied().filter(is_left).collect();
        let weight = |it: P| {
            let Self { source, is_primary } = of(it).0;
            (source == Rank::Supplied, is_primary)
        };
        let heaviest = left.iter().map(|it| weight(*it)).max();
        let is_heaviest = |it: &P| Some(weight(*it)) == heaviest;
        left.into_iter().filter(is_heaviest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTED: Precedence = Precedence {
        source: Rank::Collected,
        is_primary: false,
    };
    const REGISTERED: Precedence = Precedence {
        source: Rank::Registered,
        is_primary: false,
    };
    const SUPPLIED: Precedence = Precedence {
        source: Rank::Supplied,
        is_primary: false,
    };

    fn primary(precedence: Precedence) -> Precedence {
        Precedence {
            is_primary: true,
            ..precedence
        }
    }

    /// The places of the providers that are left.
    fn chosen(providers: &[(Precedence, Standing)]) -> Vec<usize> {
        let places: Vec<usize> = (0..providers.len()).collect();
        Precedence::choose(&places, |place| providers[place])
    }

    fn direct(precedence: Precedence) -> (Precedence, Standing) {
        (precedence, Standing::Direct)
    }

    fn child(precedence: Precedence) -> (Precedence, Standing) {
        (precedence, Standing::Child)
    }

    #[test]
    fn what_is_supplied_outranks_what_is_registered_and_that_what_is_collected() {
        let all = [direct(COLLECTED), direct(SUPPLIED), direct(REGISTERED)];
        assert_eq!(chosen(&all), [1]);
        assert_eq!(chosen(&[direct(COLLECTED), direct(REGISTERED)]), [1]);
    }

    #[test]
    fn primary_decides_within_a_rank_only() {
        let same = [direct(REGISTERED), direct(primary(REGISTERED))];
        assert_eq!(chosen(&same), [1]);
        let ranks = [direct(primary(COLLECTED)), direct(REGISTERED)];
        assert_eq!(chosen(&ranks), [1]);
        let two = [direct(primary(COLLECTED)), direct(primary(COLLECTED))];
        assert_eq!(chosen(&two), [0, 1]);
    }

    #[test]
    fn a_child_counts_as_much_as_the_direct_providers_that_are_left() {
        let both = [direct(COLLECTED), child(REGISTERED)];
        assert_eq!(chosen(&both), [0, 1]);
        let three = [direct(COLLECTED), direct(REGISTERED), child(REGISTERED)];
        assert_eq!(chosen(&three), [1, 2]);
        assert_eq!(
            chosen(&[direct(REGISTERED), child(primary(REGISTERED))]),
            [1]
        );
        assert_eq!(chosen(&[direct(SUPPLIED), child(primary(REGISTERED))]), [0]);
    }
}
