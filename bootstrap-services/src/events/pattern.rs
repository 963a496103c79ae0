//! Patterns of names: `user.*`, `user.**`.

use std::fmt;
use std::str::FromStr;

/// The most bytes of a pattern or a name.
const LONGEST: usize = 200;

/// A pattern of names: segments with dots between them, where `*` is one segment and `**` any number of them.
///
/// # Examples
///
/// ```
/// use bootstrap_services::events::Pattern;
///
/// let pattern: Pattern = "user.*".parse()?;
/// assert!(pattern.matches("user.created"));
/// assert!(!pattern.matches("user.address.changed"));
///
/// let pattern: Pattern = "user.**".parse()?;
/// assert!(pattern.matches("user.address.changed"));
/// # Ok::<(), bootstrap_services::events::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    /// `*`
    One,
    /// `**`
    Any,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is empty, begins or ends with a dot, or has two dots in a row.
    #[error(
        "the pattern `{pattern}` has an empty segment: write a segment on both sides of each dot"
    )]
    EmptySegment {
        /// The whole pattern.
        pattern: String,
    },
    /// A segment has other characters than those of names, or a `*` beside them.
    #[error(
        "the segment `{segment}` of the pattern `{pattern}` matches no name: write `a-z`, `0-9`, `-` and `_`, or `*` for one segment, or `**` for any number of them"
    )]
    Segment {
        /// The segment.
        segment: String,
        /// The whole pattern.
        pattern: String,
    },
    /// It is longer than any name.
    #[error("a pattern of {length} characters matches no name: write at most {LONGEST}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl Pattern {
    /// `**`
    #[cfg(feature = "testing")]
    pub(super) fn all() -> Self {
        let segments = vec![Segment::Any];
        Self { segments }
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let names: Vec<&str> = name.split('.').collect();
        // The place behind the last `**` that was tried, and how many segments it has taken.
        let (mut at, mut taken) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let is_match = match (self.segments.get(at), names.get(taken)) {
                (Some(Segment::Any), _) => {
                    retry = Some((at + 1, taken));
                    at += 1;
                    continue;
                }
                (None, None) => return true,
                (Some(Segment::One), Some(_)) => true,
                (Some(Segment::Text(text)), Some(name)) => text == name,
                (_, None) => return false,
                (None, Some(_)) => false,
            };
            if is_match {
                (at, taken) = (at + 1, taken + 1);
            } else if let Some((behind, from)) = retry {
                retry = Some((behind, from + 1));
                (at, taken) = (behind, from + 1);
            } else {
                return false;
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST {
            return Err(PatternError::TooLong { length: text.len() });
        }
        let segments = text.split('.').map(|segment| match segment {
            "*" => Ok(Segment::One),
            "**" => Ok(Segment::Any),
            "" => Err(PatternError::EmptySegment {
                pattern: text.to_owned(),
            }),
            _ if segment.chars().all(is_of_names) => Ok(Segment::Text(segment.to_owned())),
            _ => Err(PatternError::Segment {
                segment: segment.to_owned(),
                pattern: text.to_owned(),
            }),
        });
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
        })
    }
}

/// Names of events are lower case; names of channels may have ids in them.
fn is_of_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// Whether `name` could be the name of a channel.
#[cfg(feature = "sse")]
pub(crate) fn is_name(name: &str) -> bool {
    let is_segment = |segment: &str| !segment.is_empty() && segment.chars().all(is_of_names);
    name.len() <= LONGEST && name.split('.').all(is_segment)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.segments.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            let text = match segment {
                Segment::Text(text) => text,
                Segment::One => "*",
                Segment::Any => "**",
            };
            write!(f, "{dot}{text}")?;
        }
        Ok(())
    }
}
