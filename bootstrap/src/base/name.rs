//! What a plugin is called in messages and reports.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::base::text;

/// The name of one plugin in one app.
///
/// A plugin that is registered once is called by its declared name. Several instances of one
/// plugin are told apart as `config#1`, `config#2`, in the order of registration, or by the name
/// that [`Registration::named`](crate::Registration::named) gave. One in a scope has the names of
/// its scopes in front: `admin/config`.
///
/// Cheap to clone; compares and prints as text.
#[derive(Clone)]
pub struct PluginName {
    base: Text,
    /// Counted from 1; 0 for the only instance.
    instance: u32,
}

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl PluginName {
    /// The name without the number of the instance.
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// The name of this plugin in a scope.
    pub(crate) fn within(&self, scope: &str) -> Self {
        Self {
            base: Text::Shared(Arc::from(format!("{scope}/{}", self.base()))),
            instance: self.instance,
        }
    }

    pub(crate) fn number(&mut self, instance: u32) {
        self.instance = instance;
    }

    /// What orders plugins: the text, then the number as a number (`#9` before `#10`).
    pub(crate) fn sort_key(&self) -> (&str, u32) {
        (self.base(), self.instance)
    }
}

impl From<&'static str> for PluginName {
    fn from(text: &'static str) -> Self {
        Self {
            base: Text::Static(text),
            instance: 0,
        }
    }
}

impl From<Arc<str>> for PluginName {
    fn from(text: Arc<str>) -> Self {
        Self {
            base: Text::Shared(text),
            instance: 0,
        }
    }
}

impl From<Cow<'static, str>> for PluginName {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => Arc::<str>::from(text).into(),
        }
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance {
            0 => f.write_str(&text::line(self.base())),
            n => write!(f, "{}#{n}", text::line(self.base())),
        }
    }
}

impl fmt::Debug for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl PartialEq for PluginName {
    fn eq(&self, other: &Self) -> bool {
        self.sort_key() == other.sort_key()
    }
}

impl Eq for PluginName {}

impl PartialEq<str> for PluginName {
    fn eq(&self, other: &str) -> bool {
        match self.instance {
            0 => self.base() == other,
            n => other
                .strip_prefix(self.base())
                .and_then(|rest| rest.strip_prefix('#'))
                .is_some_and(|number| number == n.to_string()),
        }
    }
}

impl PartialEq<&str> for PluginName {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialOrd for PluginName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PluginName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sort_key().cmp(&other.sort_key())
    }
}

impl std::hash::Hash for PluginName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.sort_key().hash(state);
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for PluginName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a text can be a plugin's name: messages show it between backticks, and add `#1` to it.
pub(crate) fn is_name(name: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || text::is_hidden(c) || c == '#' || c == '`';
    // Nearly every name, and tenfold faster than a look into the tables of Unicode.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#' && byte != b'`';
    !name.is_empty() && (name.bytes().all(is_plain) || !name.contains(is_bad))
}
