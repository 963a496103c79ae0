//! Which occurrences of a span of time run.

use std::time::{Duration, SystemTime};

use crate::cron::Missed;
use crate::cron::pattern::Pattern;
use crate::cron::schedule::MOST_MISSED;

/// An occurrence that is later than this was missed.
pub(super) const MISSED_AFTER: Duration = Duration::from_secs(60);

const HOUR: Duration = Duration::from_secs(3600);

/// Two times: what lies after the first, up to and with the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) after: SystemTime,
    pub(super) until: SystemTime,
}

/// The occurrences of a span.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Those that run, in order.
    pub(super) fires: Vec<SystemTime>,
    /// How many do not: a number up to a thousand, or a larger one that is too low.
    pub(super) missed: u64,
    /// Whether some of all are later than a minute.
    pub(super) is_late: bool,
}

/// Chooses from a span as the policy has it. What is at most a minute late always runs.
pub(super) fn due(pattern: &Pattern, span: Span, policy: Missed, now: SystemTime) -> Due {
    let all = occurrences(pattern, span);
    let is_missed = |at: &SystemTime| *at + MISSED_AFTER < now;
    let split = all.partition_point(is_missed);
    let kept = match policy {
        Missed::Skip => 0,
        // What is on time runs for what was missed before it.
        Missed::Once => usize::from(split == all.len()),
        Missed::All(most) => most as usize,
    };
    let first = split.saturating_sub(kept);
    Due {
        missed: first as u64,
        is_late: split > 0,
        fires: all[first..].to_vec(),
    }
}

/// The occurrences in order; of very many, at least the last thousand.
fn occurrences(pattern: &Pattern, span: Span) -> Vec<SystemTime> {
    let most = MOST_MISSED as usize;
    let all: Vec<_> = walk(pattern, span).take(most).collect();
    if all.len() < most {
        return all;
    }
    let whole = span.until.duration_since(span.after).unwrap_or_default();
    let mut length = HOUR;
    loop {
        let after = span.until.checked_sub(length.min(whole));
        let after = after.unwrap_or(span.after);
        let last: Vec<_> = walk(pattern, Span { after, ..span }).collect();
        if last.len() >= most || length >= whole {
            return last;
        }
        length *= 2;
    }
}

fn walk(pattern: &Pattern, span: Span) -> impl Iterator<Item = SystemTime> {
    let next = move |at: &SystemTime| pattern.after(*at).filter(|next| *next <= span.until);
    std::iter::successors(next(&span.after), next)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use jiff::tz::TimeZone;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn chosen(pattern: &str, after: u64, until: u64, policy: Missed) -> (Vec<SystemTime>, u64) {
        let pattern = Pattern::new(pattern, TimeZone::UTC).unwrap();
        let (after, until) = (at(after), at(until));
        let due = due(&pattern, Span { after, until }, policy, until);
        (due.fires, due.missed)
    }

    #[test]
    fn what_is_less_than_a_minute_late_runs_under_every_policy() {
        for policy in [Missed::Skip, Missed::Once, Missed::All(1)] {
            let (fires, missed) = chosen("* * * * * *", 100, 103, policy);
            assert_eq!((fires, missed), (vec![at(101), at(102), at(103)], 0));
        }
    }

    #[test]
    fn what_was_missed_runs_as_the_policy_has_it() {
        let of = |policy| chosen("0 * * * *", 0, 4 * 3600 + 120, policy);
        assert_eq!(of(Missed::Skip), (vec![], 4));
        assert_eq!(of(Missed::Once), (vec![at(4 * 3600)], 3));
        assert_eq!(of(Missed::All(2)), (vec![at(3 * 3600), at(4 * 3600)], 2));
        assert_eq!(of(Missed::All(9)).0.len(), 4);
    }

    #[test]
    fn what_is_on_time_runs_for_what_was_missed() {
        let of = |policy| chosen("0 * * * *", 0, 4 * 3600, policy);
        assert_eq!(of(Missed::Once), (vec![at(4 * 3600)], 3));
        assert_eq!(of(Missed::All(1)), (vec![at(3 * 3600), at(4 * 3600)], 2));
    }

    #[test]
    fn ten_years_of_seconds_are_not_walked() {
        let ten_years = 10 * 365 * 86_400;
        let (fires, missed) = chosen("* * * * * *", 0, ten_years, Missed::All(1000));
        assert_eq!(fires.last(), Some(&at(ten_years)));
        // A thousand that were missed, and those of the last minute.
        assert_eq!(fires.len(), 1000 + 61);
        assert!(missed >= 1000);
        let (fires, _) = chosen("0 0 1 1 *", 0, ten_years, Missed::Once);
        assert_eq!(fires.len(), 1);
    }
}
