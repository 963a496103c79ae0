//! Words in messages: type names, durations, near misses.

use std::borrow::Cow;
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

/// A duration in messages: three significant digits in the largest of `us`, `ms` and `s` that holds a
/// whole one, without zeros at the end. Whole seconds are never cut, so a limit reads as it was configured:
/// `130 us`, `2.71 ms`, `700 ms`, `14.2 s`, `90 s`, `3600 s`.
pub(crate) fn duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let micros = rounded(nanos, 1_000);
    if micros < 1_000 {
        return format!("{micros} us");
    }
    let millis = digits(nanos, 1_000_000).map(|number| format!("{number} ms"));
    let seconds = || digits(nanos, 1_000_000_000).map(|number| format!("{number} s"));
    let many = || format!("{} s", rounded(nanos, 1_000_000_000));
    millis.or_else(seconds).unwrap_or_else(many)
}

/// `value` in a unit, with three digits; nothing if three digits are too few for its whole part.
fn digits(value: u128, unit: u128) -> Option<String> {
    let (scale, places) = [(100, 2), (10, 1), (1, 0)]
        .into_iter()
        .find(|(scale, _)| rounded(value * scale, unit) < 1_000)?;
    let number = rounded(value * scale, unit);
    let (whole, part) = (number / scale, number % scale);
    if part == 0 {
        return Some(whole.to_string());
    }
    let part = format!("{part:0places$}");
    Some(format!("{whole}.{}", part.trim_end_matches('0')))
}

/// The nearest whole number of units.
fn rounded(value: u128, unit: u128) -> u128 {
    (value + unit / 2) / unit
}

/// A text that is not ours, as a part of one line: an error, a panic, a name, a reason. Line breaks and
/// whatever else could forge a line or steer a terminal are escaped, `\n` and `\u{1b}`; tabs stay.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, None)
}

/// A text that is not ours, in a message of several lines: what follows its first line stands behind
/// `margin` and a bar, and is escaped like a [`line`].
pub(crate) fn block<'a>(text: &'a str, margin: &str) -> Cow<'a, str> {
    escaped(text, Some(margin))
}

fn escaped<'a>(text: &'a str, margin: Option<&str>) -> Cow<'a, str> {
    let text = text.trim_end_matches(['\n', '\r']);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, margin) {
            ('\r', Some(_)) if rest.peek() == Some(&'\n') => {}
            ('\n', Some(margin)) => {
                shown.push('\n');
                shown.push_str(margin);
                shown.push_str("| ");
            }
            _ if is_hidden(c) => shown.extend(c.escape_default()),
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Whether a character is not shown as itself: control characters, line breaks, and those that change
/// the direction of what stands around them.
pub(crate) fn is_hidden(c: char) -> bool {
    let is_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let is_break = matches!(c, '\u{2028}' | '\u{2029}');
    c.is_control() && c != '\t' || is_direction || is_break
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
    fn a_duration_has_three_digits_in_the_unit_that_fits() {
        for (nanos, expected) in [
            (0, "0 us"),
            (499, "0 us"),
            (130_000, "130 us"),
            (999_499, "999 us"),
            (999_600, "1 ms"),
            (1_004_000, "1 ms"),
            (2_712_000, "2.71 ms"),
            (52_000_000, "52 ms"),
            (52_140_000, "52.1 ms"),
            (700_000_000, "700 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1 s"),
            (2_712_000_000, "2.71 s"),
            (5_001_000_000, "5 s"),
            (9_994_000_000, "9.99 s"),
            (9_995_000_000, "10 s"),
            (10_000_000_000, "10 s"),
            (14_200_000_000, "14.2 s"),
            (59_950_000_000, "60 s"),
            (90_000_000_000, "90 s"),
            (999_949_000_000, "1000 s"),
            (3_600_000_000_000, "3600 s"),
            (86_399_499_000_000, "86399 s"),
        ] {
            assert_eq!(
                duration(Duration::from_nanos(nanos)),
                expected,
                "{nanos} ns"
            );
        }
        assert_eq!(duration(Duration::MAX), "18446744073709551616 s");
    }

    /// What a text of a duration says, in nanoseconds.
    #[cfg(feature = "testing")]
    fn read(text: &str) -> f64 {
        let (number, unit) = text.split_once(' ').unwrap();
        let unit = match unit {
            "us" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            other => panic!("{other}"),
        };
        number.parse::<f64>().unwrap() * unit
    }

    #[cfg(feature = "testing")]
    #[test]
    #[allow(clippy::cast_precision_loss, reason = "three digits are compared")]
    fn a_duration_reads_as_what_it_is() {
        use crate::base::random::Random;

        let mut random = Random::new(7);
        let mut times: Vec<u64> = (0..20_000)
            .map(|_| random.next() >> (random.next() % 60))
            .collect();
        times.sort_unstable();
        let mut last = 0.0;
        for nanos in times {
            let text = duration(Duration::from_nanos(nanos));
            let said = read(&text);
            // Half of the last of three digits, or half a microsecond.
            let slack = (nanos as f64 * 0.00501).max(501.0);
            assert!((said - nanos as f64).abs() <= slack, "{nanos} ns: {text}");
            assert!(said >= last, "{nanos} ns: {text}, and less says more");
            let digits = text.chars().filter(char::is_ascii_digit).count();
            assert!(digits <= 3 || said >= 1e12, "{nanos} ns: {text}");
            assert!(!text.contains(".0 ") && !text.ends_with(".0"), "{text}");
            last = said;
        }
    }

    #[test]
    fn a_foreign_text_is_one_line_and_steers_no_terminal() {
        assert_eq!(line("disk full"), "disk full");
        assert_eq!(line("disk full\r\n"), "disk full");
        assert_eq!(line("a\nerror[BOOT999]: b"), "a\\nerror[BOOT999]: b");
        assert_eq!(line("\u{1b}[2Ja\tb\0"), "\\u{1b}[2Ja\tb\\u{0}");
        assert_eq!(
            line("a\u{202e}b\u{2028}c\u{85}d"),
            "a\\u{202e}b\\u{2028}c\\u{85}d"
        );
        assert_eq!(
            line("größer, 大きい, \u{1f600}"),
            "größer, 大きい, \u{1f600}"
        );
    }

    #[test]
    fn a_foreign_text_of_several_lines_stays_behind_its_margin() {
        assert_eq!(block("one line\n", "    "), "one line");
        assert_eq!(
            block("a\r\nerror[BOOT999]: b\n\nc\rd", "    "),
            "a\n    | error[BOOT999]: b\n    | \n    | c\\rd"
        );
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
}
