//! Whether a plugin is part of an app at all.

use std::fmt;

use crate::base::location::Location;

/// What decides whether a plugin is part of an app: `#[plugin(enabled = ..)]`.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Switch {
    /// Where it stands.
    pub location: Location,
    pub by: By,
}

/// What decides.
#[allow(missing_docs)]
pub enum By {
    Predicate {
        /// As written.
        text: &'static str,
        ask: fn() -> Answer,
    },
    /// A key of the configuration.
    #[cfg(feature = "config")]
    Key {
        key: &'static str,
        /// The value with which the plugin is enabled; without one, the value is a bool.
        is: Option<&'static str>,
        /// What holds if the key is not set.
        otherwise: bool,
    },
}

impl fmt::Debug for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Predicate { text, .. } => f.debug_tuple("Predicate").field(text).finish(),
            #[cfg(feature = "config")]
            By::Key { key, .. } => f.debug_tuple("Key").field(key).finish(),
        }
    }
}

/// What a predicate says: on, or off and perhaps why.
#[derive(Debug)]
pub struct Answer(pub(crate) Result<(), Option<String>>);

/// What a predicate may return.
#[diagnostic::on_unimplemented(
    message = "a predicate can't return `{Self}`",
    label = "this does not say whether the plugin is part of the app",
    note = "the function of `enabled = ..` returns a `bool`, or a `Result<(), _>` whose error says why the plugin is off"
)]
pub trait Answers {
    #[doc(hidden)]
    fn answer(self) -> Answer;
}

impl Answers for bool {
    fn answer(self) -> Answer {
        Answer(if self { Ok(()) } else { Err(None) })
    }
}

impl<E: fmt::Display> Answers for Result<(), E> {
    fn answer(self) -> Answer {
        Answer(self.map_err(|why| Some(why.to_string())))
    }
}

/// The one door through which generated code asks a predicate.
pub fn answer<A: Answers>(given: A) -> Answer {
    given.answer()
}
