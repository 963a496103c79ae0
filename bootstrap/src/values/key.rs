//! Keys: the way to a value, `database.size`.

use std::fmt;

/// The way to a value, one word after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<String>);

impl Key {
    /// Takes `database.size` apart; no word at all is the whole configuration.
    pub(crate) fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        Self(text.split('.').map(|part| part.trim().to_owned()).collect())
    }

    /// The same key below another one.
    pub(crate) fn below(&self, prefix: Option<&str>) -> Self {
        let mut parts = prefix.map_or_else(Vec::new, |prefix| Self::parse(prefix).0);
        parts.extend(self.0.iter().cloned());
        Self(parts)
    }

    /// How many words it has.
    pub(crate) fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether it is another one, or stands in the table that has that.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    pub(super) fn child(&self, part: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.to_owned());
        Self(parts)
    }

    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }

    pub(super) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The key of the table that it stands in; `None` for the whole configuration.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parts) = self.0.split_last()?;
        Some(Self(parts.to_vec()))
    }

    /// This key, the one that it stands in, and so on.
    pub(super) fn outwards(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// What a variable of the environment is called that sets it, after the prefix.
    pub(super) fn variable(&self) -> String {
        let words = self.0.iter().map(|part| in_variable(part));
        words.collect::<Vec<String>>().join("__")
    }
}

/// How a word stands in the name of a variable: in capitals, with underscores for what may not be
/// in one.
pub(super) fn in_variable(word: &str) -> String {
    let upper = word.chars().flat_map(char::to_uppercase);
    upper
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect()
}

/// The name of a variable without differences that are easily missed: its case, and what stands
/// between its words.
pub(super) fn folded(name: &str) -> String {
    let upper = in_variable(name);
    let words = upper.split('_').filter(|word| !word.is_empty());
    words.collect::<Vec<&str>>().join("_")
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_called_as_its_key_in_capitals_with_two_underscores_between_words() {
        assert_eq!(Key::parse("database.size").variable(), "DATABASE__SIZE");
        assert_eq!(
            Key::parse("http.drain-delay").variable(),
            "HTTP__DRAIN_DELAY"
        );
    }

    #[test]
    fn a_key_stands_below_another_one() {
        let key = Key::parse("database.size").below(Some("replica"));
        assert_eq!(key.to_string(), "replica.database.size");
        let outwards: Vec<String> = key.outwards().map(|key| key.to_string()).collect();
        assert_eq!(
            outwards,
            ["replica.database.size", "replica.database", "replica", ""]
        );
    }
}
