//! Rules of values, whatever library they are written with.

use std::fmt::{self, Display, Write as _};

/// Rules that the values of a type obey, checked by [`Validated`](crate::Validated).
///
/// With the feature `garde` it is implemented for every type that derives `garde::Validate` with `()` as
/// its context. Implement it by hand for rules of your own, or to call another validation library.
///
/// # Examples
///
/// ```
/// use bootstrap_web::{Check, Issues};
///
/// struct Period {
///     first: u32,
///     last: u32,
/// }
///
/// impl Check for Period {
///     fn check(&self, issues: &mut Issues) {
///         if self.first > self.last {
///             issues.add("last", "is before `first`");
///         }
///     }
/// }
///
/// struct Booking {
///     nights: Vec<Period>,
/// }
///
/// impl Check for Booking {
///     fn check(&self, issues: &mut Issues) {
///         for (index, period) in self.nights.iter().enumerate() {
///             issues.within(format_args!("nights[{index}]"), |issues| period.check(issues));
///         }
///     }
/// }
///
/// let booking = Booking { nights: vec![Period { first: 1, last: 3 }, Period { first: 9, last: 8 }] };
/// let issues = Issues::of(&booking);
/// assert_eq!(Vec::from_iter(issues.iter()), [("nights[1].last", "is before `first`")]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no rules",
    label = "no rules are known for `{Self}`",
    note = "help: derive `garde::Validate` for it, with `()` as its context, and enable the feature `garde` of `bootstrap-web`; or implement `bootstrap_web::Check`"
)]
pub trait Check {
    /// Adds an issue for every rule that the value breaks.
    ///
    /// The messages are sent to the client: do not write the value into them.
    fn check(&self, issues: &mut Issues);
}

#[cfg(feature = "garde")]
#[diagnostic::do_not_recommend]
impl<T> Check for T
where
    T: garde::Validate<Context = ()>,
{
    fn check(&self, issues: &mut Issues) {
        let Err(report) = self.validate() else {
            return;
        };
        for (path, error) in report.iter() {
            issues.add(path, error.message());
        }
    }
}

/// The rules that a value breaks: paths and messages.
#[derive(Clone, Debug, Default)]
pub struct Issues {
    list: Vec<(String, String)>,
    prefix: String,
}

impl Issues {
    /// Checks a value.
    pub fn of<T: Check + ?Sized>(value: &T) -> Self {
        let mut issues = Self::default();
        value.check(&mut issues);
        issues
    }

    /// Adds an issue: the path to the value, `address.city` or `items[2]`, and what is wrong with it. An empty
    /// path is the whole value.
    pub fn add(&mut self, path: impl Display, message: impl Into<String>) {
        let path = self.joined(&path);
        self.list.push((path, message.into()));
    }

    /// Checks a part of the value: the path of what is added meanwhile begins with `path`.
    pub fn within(&mut self, path: impl Display, check: impl FnOnce(&mut Self)) {
        let inner = self.joined(&path);
        let outer = std::mem::replace(&mut self.prefix, inner);
        check(self);
        self.prefix = outer;
    }

    /// All paths and messages, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list
            .iter()
            .map(|(path, message)| (&**path, &**message))
    }

    /// Whether no rule is broken.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn joined(&self, path: &dyn Display) -> String {
        let mut joined = self.prefix.clone();
        let end = joined.len();
        // Writing to a `String` does not fail; the `Display` of a path may.
        let _ = write!(joined, "{path}");
        let is_name = joined.len() > end && !joined[end..].starts_with('[');
        if end > 0 && is_name {
            joined.insert(end, '.');
        }
        joined
    }
}

/// A value whose rules are found in one of several ways; `M` is the way.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be validated: it has no rules",
    label = "has a value in `Validated<..>` that has no rules",
    note = "help: derive `garde::Validate` for `{Self}`, with `()` as its context, and enable the feature `garde` of `bootstrap-web`",
    note = "help: or implement `bootstrap_web::Check` for it"
)]
pub trait Checkable<M> {
    fn check_by(&self, issues: &mut Issues);
}

/// Marks values that implement [`Check`].
#[doc(hidden)]
#[derive(Debug)]
pub struct ByRules;

/// Marks values that have no rules.
#[doc(hidden)]
#[derive(Debug)]
pub struct Plain;

#[diagnostic::do_not_recommend]
impl<T: Check> Checkable<ByRules> for T {
    fn check_by(&self, issues: &mut Issues) {
        self.check(issues);
    }
}

macro_rules! plain {
    ($($value:ty),* $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl Checkable<Plain> for $value {
            fn check_by(&self, _: &mut Issues) {}
        }
    )*};
}

plain!(
    bool, char, String, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64,
);

macro_rules! plain_tuples {
    ($([$($value:ident),*];)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($value: Checkable<Plain>,)*> Checkable<Plain> for ($($value,)*) {
            fn check_by(&self, _: &mut Issues) {}
        }
    )*};
}

plain_tuples! {
    [T1, T2];
    [T1, T2, T3];
    [T1, T2, T3, T4];
}

impl Display for Issues {
    /// One line for each issue: `address.city: is missing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (path, message)) in self.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            let colon = if path.is_empty() { "" } else { ": " };
            write!(f, "{end}{path}{colon}{message}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Issues;

    #[test]
    fn paths_of_parts_are_joined() {
        let mut issues = Issues::default();
        issues.within("a", |issues| {
            issues.add("", "whole");
            issues.within("[0]", |issues| issues.add("b", "part"));
            issues.add("[1]", "item");
        });
        issues.add("c", "after");
        assert_eq!(
            issues.to_string(),
            "a: whole\na[0].b: part\na[1]: item\nc: after"
        );
    }
}
