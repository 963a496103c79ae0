//! Values of the configuration: durations and sizes as they are written.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A duration: `"250ms"`, `"5s"`, `"2m"`, `"1h"`, `"90d"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time(pub(crate) Duration);

/// A number of bytes: `1024`, `"16KiB"`, `"2MiB"`, `"1GiB"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Size(pub(crate) u64);

/// The product of the number and the unit in a text.
fn product(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn time(text: &str) -> Option<Time> {
    const UNITS: [(&str, u64); 5] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];
    product(text, &UNITS).map(Duration::from_millis).map(Time)
}

fn size(text: &str) -> Option<Size> {
    const UNITS: [(&str, u64); 5] = [
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    product(text, &UNITS).map(Size)
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit (`ms`, `s`, `m`, `h`, `d`), as \"5s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
        time(text).ok_or_else(|| E::custom("write a whole number and a unit, as in \"5s\""))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, or one with a unit (`KiB`, `MiB`, `GiB`), as \"2MiB\"")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size(bytes))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        let bytes = u64::try_from(bytes);
        bytes
            .map(Size)
            .map_err(|_| E::custom("a number of bytes can't be negative"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        size(text).ok_or_else(|| E::custom("write a number and a unit, as in \"2MiB\""))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(time("250ms"), Some(Time(Duration::from_millis(250))));
        assert_eq!(time("90d"), Some(Time(Duration::from_hours(90 * 24))));
        for text in [
            "5",
            "",
            "s",
            "-1s",
            "1.5s",
            "5 weeks",
            "18446744073709551615h",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_size_may_have_a_unit() {
        assert_eq!(size("1024"), Some(Size(1024)));
        assert_eq!(size("2MiB"), Some(Size(2 << 20)));
        for text in ["", "MiB", "2MB", "-1", "99999999999GiB9"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
