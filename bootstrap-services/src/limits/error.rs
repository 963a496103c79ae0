//! What can go wrong with limits.

/// A text that is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a rate\nwrite a number and a time, as `5/m`, `100/s` or `1000/24h`; the units are `ms`, `s`, `m`, `h` and `d`"
)]
pub struct RateError {
    pub(super) text: String,
}

/// A quota that allows nothing, or can't be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// The rate is zero: it would allow the burst, and then nothing for ever.
    #[error("has a rate of zero\nset a rate of at least one, as `1/h`")]
    ZeroRate,
    /// The time of the rate is zero.
    #[error("has a rate in a time of zero\nset the time in which the rate applies, as `5/m`")]
    ZeroPeriod,
    /// The burst is zero: it would allow nothing.
    #[error(
        "has a burst of zero, which allows nothing\nset a `burst` of at least one, or leave it out for that of the rate"
    )]
    ZeroBurst,
    /// More than one each nanosecond.
    #[error("has a rate of more than one each nanosecond\nset a lower rate, or remove the limit")]
    TooFast,
    /// A key that has used its burst would have it back in more than 366 days.
    #[error("gives a burst back in more than 366 days\nset a higher rate, or a lower `burst`")]
    TooSlow,
}

/// A limit that was neither configured nor set in code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no rate limit `{name}`{near}\nwrite `rate = \"5/m\"` into `[limits.{name}]` of the configuration, or add `.limit(\"{name}\", ..)` to `LimitsPlugin`"
)]
pub struct UnknownLimit {
    pub(super) name: String,
    /// `: is `login` meant?`, or the names that there are.
    pub(super) near: String,
}

impl UnknownLimit {
    pub(super) fn new<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Self {
        let near = known.clone().min_by_key(|it| distance(name, it));
        let near = near.filter(|it| distance(name, it) <= name.len().max(it.len()) / 3 + 1);
        let near = if let Some(near) = near {
            format!(": is `{near}` meant?")
        } else {
            let names: Vec<String> = known.map(|it| format!("`{it}`")).collect();
            if names.is_empty() {
                ": there are none".to_owned()
            } else {
                format!(": there are {}", names.join(", "))
            }
        };
        let name = name.to_owned();
        Self { name, near }
    }

    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How many letters have to change to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], index + 1);
        for (column, other) in to.iter().enumerate() {
            let replaced = before + usize::from(letter != *other);
            before = row[column + 1];
            row[column + 1] = replaced.min(before + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

/// The store of a limit with [`WhenDown::Deny`](crate::limits::WhenDown::Deny) has failed, so that nothing is known of the key.
#[derive(Debug, thiserror::Error)]
#[error("the rate limit `{limit}` can't be checked, and denies until it can")]
pub struct StoreFailed {
    pub(super) limit: String,
    #[source]
    pub(super) error: anyhow::Error,
}

impl StoreFailed {
    /// The name of the limit.
    pub fn limit(&self) -> &str {
        &self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::{UnknownLimit, distance};

    #[test]
    fn distances_count_letters() {
        for (from, to, expected) in [("login", "login", 0), ("logn", "login", 1), ("", "abc", 3)] {
            assert_eq!(distance(from, to), expected);
        }
        assert_eq!(distance("ogin", "login"), 1);
        assert_eq!(distance("signup", "login"), 5);
    }

    #[test]
    fn an_unknown_name_is_answered_with_a_near_one_or_all() {
        let known = ["api", "login"];
        let error = |name| UnknownLimit::new(name, known.into_iter()).near;
        assert_eq!(error("logins"), ": is `login` meant?");
        assert_eq!(error("checkout"), ": there are `api`, `login`");
        let none = UnknownLimit::new("login", std::iter::empty());
        assert_eq!(none.near, ": there are none");
    }
}
