//! Who is meant where several provide the same.

/// How much a provider counts: of several in one scope, those that count most are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precedence {
    #[default]
    Ordinary,
    /// Meant by those who ask for one; the others are there as well for those who ask for all.
    Primary,
    /// Takes the place of the others.
    Override,
}

impl Precedence {
    /// Those of several providers that count most.
    pub(crate) fn highest<P: Copy>(providers: &[P], of: impl Fn(&P) -> Self) -> Vec<P> {
        let highest = providers.iter().map(&of).max();
        let is_highest = |it: &P| Some(of(it)) == highest;
        providers.iter().copied().filter(is_highest).collect()
    }

    /// Those of several providers whose place nobody takes.
    pub(crate) fn standing<P: Copy>(providers: &[P], of: impl Fn(&P) -> Self) -> Vec<P> {
        if providers.iter().any(|it| of(it) == Precedence::Override) {
            return Self::highest(providers, of);
        }
        providers.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as it is called")]
    fn of(number: &u32) -> Precedence {
        match number {
            0..10 => Precedence::Ordinary,
            10..20 => Precedence::Primary,
            _ => Precedence::Override,
        }
    }

    #[test]
    fn who_counts_most_is_meant() {
        assert_eq!(Precedence::highest(&[1, 12, 2], of), [12]);
        assert_eq!(Precedence::highest(&[12, 21, 1], of), [21]);
        assert_eq!(Precedence::highest(&[1, 2], of), [1, 2]);
    }

    #[test]
    fn only_an_override_takes_the_place_of_others() {
        assert_eq!(Precedence::standing(&[1, 12, 2], of), [1, 12, 2]);
        assert_eq!(Precedence::standing(&[1, 12, 21], of), [21]);
    }
}
