//! Patterns and time zones: what they mean, and what is wrong with them.
//!
//! The attribute `#[cron]` checks them when a program is compiled. Its crate has a link to this file, because a crate
//! of macros can't depend on this one.

use std::time::{Duration, SystemTime};

use croner::Cron as Calendar;
use croner::parser::{CronParser, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAY: Duration = Duration::from_secs(86_400);

/// The fields of a pattern, and what may be in them.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31, or `L` for the last day"),
    ("month", "1-12 or JAN-DEC"),
    (
        "day of the week",
        "0-7 or SUN-SAT, where 0 and 7 are Sunday",
    ),
];

const NAMES: [&str; 6] = [
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@yearly",
    "@annually",
];

/// What is wrong with a pattern or a zone, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Wrong {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        let (what, help) = (what.into(), help.into());
        Self { what, help }
    }
}

/// A pattern in a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    calendar: Calendar,
    zone: TimeZone,
}

impl Pattern {
    pub(crate) fn new(pattern: &str, zone: TimeZone) -> Result<Self, Wrong> {
        let calendar = calendar(pattern)?;
        Ok(Self { calendar, zone })
    }

    /// The first occurrence after a time; `None` if there is none.
    pub(crate) fn after(&self, at: SystemTime) -> Option<SystemTime> {
        // The search gives up at a gap of more than two hours, as where a zone left out a day.
        self.search(at).or_else(|| self.search(at + DAY))
    }

    fn search(&self, at: SystemTime) -> Option<SystemTime> {
        // In whole seconds, as the occurrences are.
        let at = Timestamp::try_from(at).ok()?.as_nanosecond();
        let at = Timestamp::from_second(i64::try_from(at.div_euclid(1_000_000_000)).ok()?).ok()?;
        let from = at.to_zoned(self.zone.clone());
        let found = self.calendar.find_next_occurrence(&from, false).ok()?;
        Some(found.timestamp().into())
    }

    /// The first occurrence from now on.
    pub(crate) fn first(&self, pattern: &str, now: SystemTime) -> Result<SystemTime, Wrong> {
        self.after(now).ok_or_else(|| {
            let what =
                format!("the pattern `{pattern}` never comes: no day of the calendar matches it");
            Wrong::new(what, "correct its day of the month or its month")
        })
    }
}

fn calendar(pattern: &str) -> Result<Calendar, Wrong> {
    let is_short = pattern.split_whitespace().count() <= FIELDS.len();
    let calendar = parse(pattern).filter(|_| is_short);
    calendar.ok_or_else(|| what_is_wrong(pattern))
}

fn what_is_wrong(pattern: &str) -> Wrong {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    let known = match fields.as_slice() {
        [name] if name.starts_with('@') => return unnamed(name),
        [_, _, _, _, _] => &FIELDS[1..],
        [_, _, _, _, _, _] => &FIELDS,
        other => {
            let what = format!("the pattern `{pattern}` has {}", count(other.len()));
            let help = "write 5 fields (minute, hour, day of the month, month, day of the week), with the second before them \
                        as a 6th if you need it";
            return Wrong::new(what, help);
        }
    };
    wrong_field(pattern, known, &fields).unwrap_or_else(|| {
        let what = format!("the pattern `{pattern}` can't be read");
        let help = "write numbers, `*`, lists, ranges and steps, as in `*/15 8-18 * * MON-FRI`";
        Wrong::new(what, help)
    })
}

fn count(fields: usize) -> String {
    match fields {
        0 => "no fields".to_owned(),
        1 => "1 field".to_owned(),
        many => format!("{many} fields"),
    }
}

fn unnamed(name: &str) -> Wrong {
    let help = format!("the names are `{}`", NAMES.join("`, `"));
    Wrong::new(format!("there is no pattern `{name}`"), help)
}

/// Each field on its own, so that the message names the one that is wrong.
fn wrong_field(pattern: &str, known: &[(&str, &str)], fields: &[&str]) -> Option<Wrong> {
    let is_wrong = |index: &usize| {
        let mut alone = vec!["*"; fields.len()];
        alone[*index] = fields[*index];
        parse(&alone.join(" ")).is_none()
    };
    let index = (0..fields.len()).find(is_wrong)?;
    let ((name, range), field) = (known[index], fields[index]);
    let what = format!("the {name} of the pattern `{pattern}` can't be `{field}`");
    let help = format!(
        "write {range}; `*` for every one, and lists, ranges and steps, as in `1,5`, `1-5` and `*/5`"
    );
    Some(Wrong::new(what, help))
}

/// A pattern that restricts both the day of the month and the day of the week matches a day that either matches, as
/// POSIX says.
fn parse(pattern: &str) -> Option<Calendar> {
    let parser = CronParser::builder().year(Year::Disallowed).build();
    parser.parse(pattern).ok()
}

/// The time zone with a name of the IANA database.
pub(crate) fn zone(name: &str) -> Result<TimeZone, Wrong> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = jiff::tz::db()
            .available()
            .map(|it| it.to_string())
            .collect();
        let city = known.iter().find(|it| {
            it.rsplit('/')
                .next()
                .is_some_and(|city| city.eq_ignore_ascii_case(name))
        });
        let near = city
            .map(String::as_str)
            .or_else(|| nearest(name, known.iter().map(String::as_str)));
        let help = match near {
            Some(near) => format!("write `{near}`, if that was meant"),
            None => {
                "write a name of the IANA database, such as `Europe/Berlin` or `UTC`".to_owned()
            }
        };
        Wrong::new(format!("there is no time zone `{name}`"), help)
    })
}

/// The name that is spelt most like `wanted`, if one may be meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (wanted.chars().count() / 3).max(1);
    let near = names.map(|name| (distance(wanted, name), name));
    let near = near.filter(|(distance, _)| *distance <= most).min();
    near.map(|(_, name)| name)
}

/// How many letters have to be changed, in any case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
