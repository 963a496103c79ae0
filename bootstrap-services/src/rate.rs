//! Rates as they are written: `5/m`.

use std::time::Duration;

/// Returns the number of a rate, and the time for it: `5/m`, `100/s`, `1000/24h`.
pub(crate) fn parse(text: &str) -> Option<(u32, Duration)> {
    let (count, time) = text.split_once('/')?;
    let (count, time) = (count.trim().parse().ok()?, time.trim());
    let unit = time.trim_start_matches(|it: char| it.is_ascii_digit());
    let number = &time[..time.len() - unit.len()];
    let number: u64 = if number.is_empty() {
        1
    } else {
        number.parse().ok()?
    };
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let period = Duration::from_millis(number.checked_mul(millis)?);
    Some((count, period))
}
