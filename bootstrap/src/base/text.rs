//! Words in messages: type names, durations, near misses.

use std::fmt::Display;
use std::time::Duration;

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

/// The candidate that is spelt most like `wanted`, if one is near enough to be a slip. Another case,
/// other signs between the words or none, and a plural are no distance.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    Spellings::of(candidates).nearest(wanted, |_| true)
}

/// Names of which the nearest is looked for many times.
pub(crate) struct Spellings<'a>(Vec<(Spelling, &'a str)>);

impl<'a> Spellings<'a> {
    pub(crate) fn of(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter();
        Self(names.map(|name| (Spelling::of(name), name)).collect())
    }

    /// The name that is spelt most like `wanted`, of those that may be meant.
    pub(crate) fn nearest(&self, wanted: &str, may_be: impl Fn(&str) -> bool) -> Option<&'a str> {
        let own = Spelling::of(wanted);
        let near = self.0.iter().filter_map(|(other, name)| {
            let distance = own.distance(other).filter(|_| may_be(name))?;
            Some((distance, *name != wanted, *name))
        });
        near.min().map(|(_, _, name)| name)
    }
}

/// How a name is spelt.
struct Spelling {
    /// In one case, with one sign between words.
    signs: Vec<char>,
    /// The letters and digits alone.
    letters: Vec<char>,
    /// Which signs there are, by a bit for several of them.
    bits: u64,
}

impl Spelling {
    fn of(name: &str) -> Self {
        let lower = name.chars().flat_map(char::to_lowercase);
        let sign = |c: char| if c.is_alphanumeric() { c } else { '_' };
        let signs: Vec<char> = lower.map(sign).collect();
        let letters = signs.iter().copied().filter(|c| *c != '_').collect();
        let bits = signs.iter().fold(0, |bits, c| bits | 1 << (*c as u32 % 64));
        Self {
            signs,
            letters,
            bits,
        }
    }

    /// How far another spelling is away, if it is near.
    fn distance(&self, other: &Self) -> Option<usize> {
        let stem = singular(&self.letters);
        if !stem.0.is_empty() && stem == singular(&other.letters) {
            return Some(0);
        }
        let limit = (self.signs.len() / 3).clamp(1, 3);
        // A slip takes one sign away and brings one. Most names end here.
        let differ = (self.bits ^ other.bits).count_ones() as usize;
        if differ > 2 * limit {
            return None;
        }
        edit_distance(&self.signs, &other.signs, limit)
    }
}

/// A word without the ending of a plural, and whether it is one that ends with `y`.
fn singular(letters: &[char]) -> (&[char], bool) {
    match letters {
        [rest @ .., 'i', 'e', 's'] | [rest @ .., 'y'] => (rest, true),
        [rest @ .., 's'] => (rest, false),
        _ => (letters, false),
    }
}

/// Levenshtein distance, one row at a time (Wagner and Fischer, 1974), in which two letters that
/// have changed places are one slip; none if it is more than `limit`.
fn edit_distance(left: &[char], right: &[char], limit: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > limit {
        return None;
    }
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
        // A swap of two letters reaches back one row more.
        if next.iter().chain(&row).min() > Some(&limit) {
            return None;
        }
        above = std::mem::replace(&mut row, next);
    }
    Some(row[right.len()]).filter(|distance| *distance <= limit)
}

/// A text from outside on one line: its control characters, with which it could look like a line of
/// ours, are escaped.
#[cfg(any(feature = "config", test))]
pub(crate) fn one_line(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let escaped = text.chars().map(|c| match c {
        // These change the order of what is shown, or begin a line.
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            c.escape_unicode().to_string()
        }
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    });
    escaped.collect()
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

    #[test]
    fn another_case_another_dash_and_a_plural_are_near() {
        assert_eq!(nearest("DB", ["cb", "db"]), Some("db"));
        assert_eq!(nearest("max-size", ["max_size"]), Some("max_size"));
        assert_eq!(nearest("maxSize", ["max_size"]), Some("max_size"));
        assert_eq!(nearest("entries", ["entry"]), Some("entry"));
        assert_eq!(nearest("names", ["game", "name"]), Some("name"));
    }

    #[test]
    fn a_text_from_outside_stays_on_its_line() {
        assert_eq!(one_line("a\nerror[B]\u{1b}[0mä"), "a\\nerror[B]\\u{1b}[0mä");
    }
}
