//! Times, as people read them.

use std::time::{Duration, SystemTime};

use crate::calendar::date;
use crate::operations::html::{Markup, html};

/// A time, relative to now, with the exact one as its title.
pub(super) fn time(now: SystemTime, at: SystemTime) -> Markup {
    let (day, clock) = exact(at);
    html!(
        r#"<time datetime=""# (&day) "T" (&clock) r#"Z" title=""# (&day) " " (&clock) r#" UTC">"# (relative(now, at))
        "</time>"
    )
}

/// A time that may not be there.
pub(super) fn time_or(now: SystemTime, at: Option<SystemTime>, otherwise: &'static str) -> Markup {
    match at {
        Some(at) => time(now, at),
        None => html!(r#"<span class="quiet">"# (otherwise) "</span>"),
    }
}

fn relative(now: SystemTime, at: SystemTime) -> String {
    match at.duration_since(now) {
        Ok(wait) if wait < Duration::from_secs(1) => "now".to_owned(),
        Ok(wait) => format!("in {}", span(wait)),
        Err(error) if error.duration() < Duration::from_secs(1) => "now".to_owned(),
        Err(error) => format!("{} ago", span(error.duration())),
    }
}

pub(super) fn span(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match time.as_secs() {
        seconds @ ..MINUTE => format!("{seconds} s"),
        seconds @ ..HOUR => format!("{} min", seconds / MINUTE),
        // Half a day more is no longer "1 d".
        seconds if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        seconds => format!("{} d", seconds / DAY),
    }
}

/// The day and the time of day, in UTC.
fn exact(at: SystemTime) -> (String, String) {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    (
        format!("{year:04}-{month:02}-{day:02}"),
        format!("{hour:02}:{minute:02}:{second:02}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_relative_and_has_the_exact_one_as_its_title() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let shown = |seconds: i64| {
            let by = Duration::from_secs(seconds.unsigned_abs());
            let at = if seconds < 0 { now - by } else { now + by };
            relative(now, at)
        };
        let shown: Vec<_> = [0, -59, 60, -7_200, 172_799, -172_800].map(shown).into();
        assert_eq!(
            shown,
            [
                "now", "59 s ago", "in 1 min", "2 h ago", "in 47 h", "2 d ago"
            ]
        );
        let made = time(now, now - Duration::from_secs(61)).into_string();
        assert_eq!(
            made,
            r#"<time datetime="2025-12-31T23:58:59Z" title="2025-12-31 23:58:59 UTC">1 min ago</time>"#
        );
    }
}
