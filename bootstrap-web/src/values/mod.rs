//! Values of the configuration: durations and sizes as they are written, and what is wrong with one.

mod fault;

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

pub(crate) use fault::KeyFault;

/// A duration: `"250ms"`, `"5s"`, `"2m"`, `"1h"`, as in the attributes of `bootstrap`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Duration);

/// A number of bytes: `1024`, `"16KiB"`, `"2MiB"`, `"1GiB"`.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) usize);

impl Time {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// The number and the unit in a text: `5` and `s`.
fn split(text: &str) -> Option<(u64, &str)> {
    let unit = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
    Some((number.parse().ok()?, unit.trim()))
}

fn time(text: &str) -> Option<Time> {
    let (number, unit) = split(text)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let millis = number.checked_mul(unit)?;
    Some(Time(Duration::from_millis(millis)))
}

#[cfg(feature = "server")]
fn size(text: &str) -> Option<Size> {
    let (number, unit) = split(text)?;
    let unit = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let bytes = number.checked_mul(unit)?;
    Some(Size(usize::try_from(bytes).ok()?))
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit (`ms`, `s`, `m`, `h`), as \"5s\"")
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

#[cfg(feature = "server")]
struct SizeVisitor;

#[cfg(feature = "server")]
impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, or one with a unit (`KiB`, `MiB`, `GiB`), as \"2MiB\"")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        usize::try_from(bytes)
            .map(Size)
            .map_err(|_| E::custom("too many bytes"))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        usize::try_from(bytes)
            .map(Size)
            .map_err(|_| E::custom("a number of bytes can't be negative"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        size(text).ok_or_else(|| E::custom("write a number and a unit, as in \"2MiB\""))
    }
}

#[cfg(feature = "server")]
impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "server")]
    use super::size;
    use super::time;

    #[test]
    fn a_duration_needs_a_unit() {
        let millis = |text| time(text).map(|it| it.0.as_millis());
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(millis("0s"), Some(0));
        assert_eq!(millis("2 m"), Some(120_000));
        assert_eq!(millis("1h"), Some(3_600_000));
        for text in ["", "5", "s", "-1s", "1.5s", "99999999999999999999s"] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[cfg(feature = "server")]
    #[test]
    fn a_size_is_in_bytes_unless_it_has_a_unit() {
        let bytes = |text| size(text).map(|it| it.0);
        assert_eq!(bytes("100"), Some(100));
        assert_eq!(bytes("16KiB"), Some(16_384));
        assert_eq!(bytes("2 MiB"), Some(2 << 20));
        for text in ["", "2MB", "MiB", "-1", "99999999999GiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
