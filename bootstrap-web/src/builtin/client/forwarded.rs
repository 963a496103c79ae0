//! Addresses in the headers of proxies. No crate: those that were found read from the left, which the client
//! writes, or read one of the two forms.

use std::net::{IpAddr, SocketAddr};

/// The address of an entry: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. `None` for `unknown`, for the
/// names that hide an address, and for what is malformed.
pub(super) fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let ip = bare.unwrap_or(entry).parse().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|it| it.ip());
    ip.or_else(with_port).map(|ip: IpAddr| ip.to_canonical())
}

/// The entries of a list with commas, the last one first.
pub(super) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.rsplit(',')
}

/// The values of `for` in a `Forwarded` header, as RFC 7239 describes it, the last one first; an element without
/// one is empty.
pub(super) fn forwarded(list: &str) -> impl Iterator<Item = &str> {
    let elements: Vec<&str> = split(list, ',').collect();
    elements.into_iter().rev().map(|element| {
        let mut pairs = split(element, ';').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        found.map_or("", |(_, value)| value.trim().trim_matches('"'))
    })
}

/// Splits outside of quotes.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |letter| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => is_escaped = true,
            _ => return letter == at && !is_quoted,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::{address, entries, forwarded};

    #[test]
    fn addresses_are_read_with_and_without_ports_and_brackets() {
        for (entry, ip) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1:80 ", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(
                address(entry),
                Some(ip.parse().expect("an address")),
                "{entry}"
            );
        }
        for entry in [
            "",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.1:x",
            "[2001:db8::1",
        ] {
            assert_eq!(address(entry), None, "{entry}");
        }
    }

    #[test]
    fn lists_are_read_from_the_right() {
        let list: Vec<&str> = entries("a, b,c").map(str::trim).collect();
        assert_eq!(list, ["c", "b", "a"]);
        let list = r#"For="[2001:db8::1]:80";proto=https, by=x, for=192.0.2.1;host="a,b;c\"d""#;
        let list: Vec<&str> = forwarded(list).collect();
        assert_eq!(list, ["192.0.2.1", "", "[2001:db8::1]:80"]);
    }
}
