//! Words in messages: type names, durations, near misses.

use std::fmt::Display;
use std::time::Duration;

/// What to do about code that blocks its thread.
pub(crate) const HELP_WITH_BLOCKING: &str = "code that blocks can't be cancelled: give it a time \
    limit, or run it on a `std::thread` of its own and await the answer; nothing waits for such a \
    thread";

/// A type's name without its modules: `alloc::vec::Vec<app::Pool>` becomes `Vec<Pool>`.
pub(crate) fn short_type_name(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut segment = 0;
    let mut rest = full.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ':' && rest.peek() == Some(&':') {
            rest.next();
            short.truncate(segment);
        } else {
            short.push(c);
            if !(c.is_alphanumeric() || c == '_' || c == '{' || c == '}') {
                segment = short.len();
            }
        }
    }
    short
}

/// What a type wraps, if it is one of the wrappers that people put around a state by habit.
pub(crate) fn unwrapped(full: &str) -> Option<&str> {
    if let Some(inner) = full.strip_prefix('&') {
        return Some(inner.trim_start_matches("mut "));
    }
    let (outer, inner) = full.split_once('<')?;
    let inner = inner.strip_suffix('>')?;
    let wrapper = outer.rsplit("::").next()?;
    ["Arc", "Rc", "Box", "Option", "State"]
        .contains(&wrapper)
        .then_some(inner)
}

/// A duration as people say it: `250 us`, `52 ms`, `5 s`, `14.2 s`.
pub(crate) fn duration(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 1_000 {
        format!("{micros} us")
    } else if micros.is_multiple_of(1_000_000) {
        format!("{} s", time.as_secs())
    } else if micros < 10_000_000 {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// The candidate that is spelt most like `wanted`, if one is near enough to be a slip.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, one row at a time (Wagner and Fischer, 1974), in which two letters that
/// have changed places are one slip.
fn edit_distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let cost = usize::from(a != b);
            let mut distance = (row[j] + cost).min(next[j] + 1).min(row[j + 1] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                distance = distance.min(above[j - 1] + cost);
            }
            next.push(distance);
        }
        above = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

/// How many plugins a list in a message shows.
pub(crate) const SHOWN: usize = 10;

/// A list of plugins, of which not too many are shown.
pub(crate) fn names<N: Display>(all: &[N]) -> String {
    let shown = all.iter().take(SHOWN).map(|name| format!("`{name}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {}", count(more, "other plugin")),
    }
}

/// `1 plugin`, `2 plugins`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_name_loses_its_modules_also_inside_generics() {
        assert_eq!(short_type_name("app::db::Pool"), "Pool");
        assert_eq!(
            short_type_name("alloc::sync::Arc<app::db::Pool>"),
            "Arc<Pool>"
        );
        assert_eq!(short_type_name("(a::B, &c::D<e::F>)"), "(B, &D<F>)");
    }

    #[test]
    fn a_wrapper_is_taken_off_by_name() {
        assert_eq!(unwrapped("alloc::sync::Arc<app::Pool>"), Some("app::Pool"));
        assert_eq!(unwrapped("&app::Pool"), Some("app::Pool"));
        assert_eq!(unwrapped("app::Pool"), None);
        assert_eq!(unwrapped("alloc::vec::Vec<app::Pool>"), None);
    }

    #[test]
    fn a_duration_is_said_in_the_unit_that_fits() {
        assert_eq!(duration(Duration::from_micros(250)), "250 us");
        assert_eq!(duration(Duration::from_millis(52)), "52 ms");
        assert_eq!(duration(Duration::from_millis(9_999)), "9999 ms");
        assert_eq!(duration(Duration::from_millis(14_200)), "14.2 s");
        assert_eq!(duration(Duration::from_secs(5)), "5 s");
        assert_eq!(duration(Duration::ZERO), "0 us");
    }

    #[test]
    fn a_slip_of_the_pen_is_near_and_another_word_is_not() {
        assert_eq!(nearest("databse", ["cache", "database"]), Some("database"));
        assert_eq!(nearest("siez", ["cache", "size"]), Some("size"));
        assert_eq!(nearest("http", ["cache", "database"]), None);
    }
}
