//! Durations in attributes: `"250ms"`, `"5s"`, `"2m"`, `"1h"`.

use syn::LitStr;

/// The milliseconds that the literal means.
pub(crate) fn millis(text: &LitStr) -> syn::Result<u64> {
    parse(&text.value()).ok_or_else(|| {
        syn::Error::new(
            text.span(),
            "not a duration: write a whole number and a unit (`ms`, `s`, `m`, `h`), as in `\"5s\"`",
        )
    })
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
    number.checked_mul(unit).filter(|millis| *millis > 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(parse("250ms"), Some(250));
        assert_eq!(parse("5 s"), Some(5_000));
        assert_eq!(parse("2m"), Some(120_000));
        assert_eq!(parse("1h"), Some(3_600_000));
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "0s",
            "1.5s",
            "5sec",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
