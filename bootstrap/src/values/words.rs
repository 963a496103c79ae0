//! What is wrong with a value that is there, in words.

use crate::values::halt::Wrong;
use crate::values::spot::Spot;

/// How many texts a value may hold whose type says why it refuses it: each is cut out of that.
const TEXTS: usize = 1_000;

/// How long a reason may be, in characters.
const REASON: usize = 300;

/// From how many characters on a text is cut out of a reason wherever it stands. A shorter one is only
/// where it is a word of its own.
const LONG: usize = 4;

/// What is wrong with what is there, as what stands behind a plugin's name and the key.
pub(super) fn in_words(wrong: &Wrong, spot: &Spot<'_>) -> String {
    let kind = spot.kind();
    if let (Some(variable), Some(expected)) = (spot.empty_variable(), expected(wrong)) {
        return format!(
            "the environment variable `{variable}` is set to nothing, and {expected} is expected"
        );
    }
    match wrong {
        Wrong::Kind {
            expected, found, ..
        } => {
            format!("expected {}, found {found}", form_of(expected))
        }
        Wrong::Value { expected, found } => {
            let is_number = ["an integer", "a number"].contains(found);
            let range = if is_number {
                " out of range"
            } else {
                " that is not one"
            };
            format!("expected {}, found {found}{range}", form_of(expected))
        }
        Wrong::Length { expected, len } => {
            format!("expected {expected}, found {kind} of length {len}")
        }
        Wrong::Malformed(how) => format!("expected a list, found a text {how}"),
        Wrong::Variant { .. } => {
            let expected = expected(wrong).unwrap_or_default();
            format!("expected {expected}, found another word")
        }
        Wrong::Refused { expected, reason } => {
            refused(expected.as_deref(), reason.as_deref(), spot)
        }
        Wrong::NotUnicode => "the variable is not valid Unicode".to_owned(),
        Wrong::Twice {
            keys: Some((_, other)),
        } => format!("`{other}` sets the same"),
        Wrong::Twice { keys: None } => "its type finds a field twice".to_owned(),
        Wrong::Missing { .. } => "it is missing".to_owned(),
    }
}

/// What was expected, if that is known.
fn expected(wrong: &Wrong) -> Option<String> {
    match wrong {
        Wrong::Kind { expected, .. } | Wrong::Value { expected, .. } => Some(form_of(expected)),
        Wrong::Variant { expected } => {
            let words: Vec<String> = expected.iter().map(|it| format!("`{it}`")).collect();
            match words.as_slice() {
                [only] => Some(only.clone()),
                _ => Some(format!("one of {}", words.join(", "))),
            }
        }
        Wrong::Refused {
            expected: Some(expected),
            ..
        } => known_form(expected).map(str::to_owned),
        _ => None,
    }
}

/// What types of the standard library expect, so that it can be written.
fn known_form(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "socket address" => {
            "an IP address with a port (`127.0.0.1:8080`, `[::1]:8080`; names are not looked up)"
        }
        "IPv4 socket address" => "an IPv4 address with a port (`127.0.0.1:8080`)",
        "IPv6 socket address" => "an IPv6 address with a port (`[::1]:8080`)",
        "IP address" => "an IP address (`127.0.0.1`, `::1`; names are not looked up)",
        "IPv4 address" => "an IPv4 address (`127.0.0.1`)",
        "IPv6 address" => "an IPv6 address (`::1`)",
        "path string" => "a path",
        "struct Duration" => "a duration as a table (`{ secs = 5, nanos = 0 }`)",
        "struct SystemTime" => {
            "a time as a table (`{ secs_since_epoch = 0, nanos_since_epoch = 0 }`)"
        }
        _ => return None,
    })
}

fn form_of(expected: &str) -> String {
    known_form(expected).unwrap_or(expected).to_owned()
}

/// What a type refuses, and why.
fn refused(expected: Option<&str>, reason: Option<&str>, spot: &Spot<'_>) -> String {
    let kind = spot.kind();
    if let Some(form) = expected.and_then(known_form) {
        return format!("expected {form}, found {kind} that is not one");
    }
    let reason = reason.and_then(|reason| without_value(reason, spot));
    let because = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    if let Some(variable) = spot.empty_variable() {
        return format!(
            "the environment variable `{variable}` is set to nothing, which its type refuses{because}"
        );
    }
    match expected {
        // It says no more than the kind does.
        Some("a string") | None => format!("its type refuses this ({kind}){because}"),
        Some(expected) => {
            format!("expected {expected}, found {kind} that its type refuses{because}")
        }
    }
}

/// What a type says of a value, without the value.
fn without_value(reason: &str, spot: &Spot<'_>) -> Option<String> {
    let mut texts = Vec::new();
    for text in spot.texts(TEXTS)? {
        // As it is, as it is read, and as `Debug` shows it.
        let (trimmed, escaped) = (text.trim().to_owned(), text.escape_debug().to_string());
        texts.extend([text, trimmed, escaped]);
    }
    texts.retain(|text| !text.is_empty());
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts.dedup();
    let mut said = reason.trim().to_owned();
    for text in texts {
        said = cut_out(&said, &text);
    }
    let long = said.char_indices().nth(REASON);
    if let Some((end, _)) = long {
        said.truncate(end);
        said.push_str("..");
    }
    (!said.is_empty()).then_some(said)
}

/// A text with two dots for each place where it has a part.
fn cut_out(text: &str, part: &str) -> String {
    let is_long = part.chars().nth(LONG - 1).is_some();
    let is_apart = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    let mut left = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in text.match_indices(part) {
        let (before, after) = (&text[..at], &text[at + part.len()..]);
        let is_word = is_apart(before.chars().last()) && is_apart(after.chars().next());
        if is_long || is_word {
            left.push_str(&text[done..at]);
            left.push_str("..");
            done = at + part.len();
        }
    }
    left.push_str(&text[done..]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_out_of_what_its_type_says() {
        assert_eq!(
            cut_out("`hunter2` is refused", "hunter2"),
            "`..` is refused"
        );
        assert_eq!(cut_out("nohunter2now", "hunter2"), "no..now");
        assert_eq!(cut_out("1 is less than 10", "1"), ".. is less than 10");
        assert_eq!(
            cut_out("a is no part of a name", "a"),
            ".. is no part of .. name"
        );
    }
}
