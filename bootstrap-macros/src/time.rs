//! Durations in attributes: `"250ms"`, `"5s"`, `"2m"`, `"1h"`.

use syn::LitStr;

/// The milliseconds that the literal means.
pub(crate) fn millis(literal: &LitStr) -> syn::Result<u64> {
    let text = literal.value();
    let message = match parse(&text) {
        Some(0) => "a limit must be greater than zero".to_owned(),
        Some(millis) => return Ok(millis),
        None => match fraction(&text) {
            Some(whole) => format!("not a whole number: write `\"{whole}\"`"),
            None => "not a duration: write a whole number and a unit (`ms`, `s`, `m`, `h`), as in `\"5s\"`".to_owned(),
        },
    };
    Err(syn::Error::new(literal.span(), message))
}

/// `1.5s` in milliseconds, as it has to be written.
fn fraction(text: &str) -> Option<String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let (whole, part) = number.split_once('.')?;
    let part = format!("{part:0<3}");
    if part.len() > 3 {
        return None;
    }
    let thousandths = parse(&format!("{whole}{part}{unit}"))?;
    Some(format!("{}ms", thousandths / 1_000)).filter(|_| thousandths % 1_000 == 0)
}

fn parse(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::{fraction, parse};

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(parse("250ms"), Some(250));
        assert_eq!(parse("5 s"), Some(5_000));
        assert_eq!(parse("2m"), Some(120_000));
        assert_eq!(parse("1h"), Some(3_600_000));
    }

    #[test]
    fn anything_else_is_not() {
        for text in ["", "5", "s", "-1s", "1.5s", "5sec", "99999999999999999999s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_fraction_is_shown_as_the_whole_number_that_it_means() {
        assert_eq!(fraction("1.5s").as_deref(), Some("1500ms"));
        assert_eq!(fraction("0.25m").as_deref(), Some("15000ms"));
        assert_eq!(fraction("1.5ms"), None);
        assert_eq!(fraction("1.5"), None);
        assert_eq!(fraction("1..5s"), None);
    }
}
