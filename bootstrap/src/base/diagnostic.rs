//! The shape of every error: a code, what is wrong, where, and what to do.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::base::location::Location;
use crate::base::text;

/// Declares the codes, so that each has a text and is part of the list.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The stable code of an error, as in `error[BOOT001]`.
        ///
        /// `Display` is the text. The page [codes](crate::guide::codes) of the guide says what each
        /// of them means.
        ///
        /// # Examples
        ///
        /// ```
        /// use bootstrap::error::Code;
        ///
        /// assert_eq!(Code::MissingProvider.as_str(), "BOOT001");
        /// assert_eq!(Code::Ambiguous, "GET002");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of the guide.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The text: `BOOT001`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// No plugin of the app provides a required state or port.
    MissingProvider = "BOOT001",
    /// Plugins depend on each other in a cycle.
    Cycle = "BOOT002",
    /// Several plugins provide a required state or port.
    AmbiguousProvider = "BOOT003",
    /// Two plugins, or two scopes, have one name.
    DuplicateName = "BOOT004",
    /// A state is supplied twice.
    SuppliedTwice = "BOOT005",
    /// An expected plugin is not part of the app.
    NotInList = "BOOT006",
    /// A handle, a value or an order refers to another app.
    Foreign = "BOOT007",
    /// A handle refers to a registration that does not provide its state.
    NotProvidedByHandle = "BOOT008",
    /// A name can't be shown in messages.
    InvalidName = "BOOT009",
    /// A hook failed while the app booted.
    HookFailed = "BOOT010",
    /// The boot took too long.
    BootTimedOut = "BOOT011",
    /// The boot was interrupted.
    BootInterrupted = "BOOT012",
    /// There is no tokio runtime.
    NoRuntime = "BOOT013",
    /// The tokio runtime has no timers.
    NoTimers = "BOOT014",
    /// No plugin requires the states of a plugin, and the app denies that.
    UnusedProvider = "BOOT016",
    /// A value of the configuration is missing or wrong.
    Configuration = "BOOT017",
    /// A predicate that decides whether a plugin is enabled panicked.
    ConditionPanicked = "BOOT018",
    /// The configuration chooses a plugin that is not linked.
    UnknownChoice = "BOOT019",
    /// A plugin was registered after its parent had loaded.
    RegisteredTooLate = "BOOT020",
    /// A child waits for plugins that include itself.
    WaitsForItself = "BOOT021",
    /// A child requires a state of the plugin that registered it.
    NeedsAncestor = "BOOT022",
    /// A plugin returned other states than it declares.
    StatesDiffer = "BOOT023",
    /// Signals can't be handled.
    SignalsNotHandled = "BOOT024",
    /// A plugin awaits a child that is disabled.
    AwaitsDisabled = "BOOT025",
    /// No plugin of the app provides what is looked up.
    Missing = "GET001",
    /// Several plugins provide what is looked up.
    Ambiguous = "GET002",
    /// Only plugins in other scopes provide what is looked up.
    Hidden = "GET003",
    /// The provider of what is looked up is not loaded.
    NotLoaded = "GET004",
    /// The app still loads.
    TooEarly = "GET005",
    /// The handle belongs to a plugin that no app has loaded.
    Unbound = "GET006",
    /// The app has ended.
    AppEnded = "GET007",
    /// No app is entered where the current one is looked up.
    NoApp = "GET008",
    /// A `load` looks up a state of the current app.
    InLoad = "GET009",
    /// No request scope is entered.
    NoRequest = "GET010",
    /// The request state is not set.
    NotSet = "GET011",
    /// The request scope has ended.
    RequestEnded = "GET012",
    /// A part of the app did not load again.
    RestartFailed = "RUN001",
    /// A restart was refused.
    RestartRefused = "RUN002",
    /// The app stopped while a part of it restarted.
    RestartInterrupted = "RUN003",
    /// The state whose content is set can't be read.
    SetUnreadable = "SET001",
    /// No request scope is entered where a request state is set.
    SetWithoutRequest = "SET002",
    /// The request scope had ended when a request state was set.
    SetAfterRequest = "SET003",
    /// A hook failed while the app closed.
    CloseFailed = "STOP001",
    /// A task failed and the app stopped because of it.
    TaskFailed = "STOP002",
    /// A hook takes long to close.
    SlowClose = "STOP003",
    /// Closing did not end in time.
    CloseTimedOut = "STOP004",
    /// The tokio runtime was shut down before the app had closed.
    RuntimeShutDown = "STOP005",
    /// A second signal ended the process before the app had closed.
    ForcedStop = "STOP006",
    /// A hook or a task waits for the end of its own app.
    WaitsForOwnEnd = "STOP007",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A description of an error: its code, what is wrong, where, and what to do.
///
/// `Display` has a line for each of these:
///
/// ```text
/// error[BOOT001]: plugin `http` needs the state `Pool`, and nothing in this app provides it
///   --> src/http.rs:19 (field `pool: State<Pool>`)
///   near: ..
///   help: register the plugin that provides it
/// ```
///
/// With the feature `serde` it can be serialized: `code`, `title`, `spots`, `notes`, `help`.
///
/// # Examples
///
/// ```
/// use bootstrap::error::{Code, Diagnostic};
///
/// let diagnostic = Diagnostic::new(Code::NotSet, "`tenant` has no value", "set it first")
///     .note("looked up by", "`audit`");
/// assert_eq!(
///     diagnostic.to_string(),
///     "error[GET011]: `tenant` has no value\n  looked up by: `audit`\n  help: set it first"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Diagnostic {
    code: Code,
    title: String,
    /// In the order in which they are shown.
    lines: Vec<Line>,
    help: String,
}

#[derive(Clone, PartialEq, Eq)]
struct Line {
    /// Two spaces for each; 1 below the title.
    depth: usize,
    is: Is,
}

#[derive(Clone, PartialEq, Eq)]
enum Is {
    Spot(Spot),
    Note(Note),
}

/// A place in the source code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Spot {
    /// The file and the line.
    pub at: Location,
    /// What is there: a field, an option.
    pub what: Option<String>,
}

/// Something to know besides what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Note {
    /// What it is about: `near`, `provided by`.
    pub label: Cow<'static, str>,
    /// The text, of one or several lines.
    pub text: String,
}

impl Diagnostic {
    /// Describes an error.
    pub fn new(code: Code, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            title: title.into(),
            lines: Vec::new(),
            help: help.into(),
        }
    }

    /// Adds a place, with what is there.
    pub fn spot(mut self, at: Location, what: Option<String>) -> Self {
        self.add_spot(1, at, what);
        self
    }

    /// Adds a note.
    pub fn note(mut self, label: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        self.add_note(1, label, text);
        self
    }

    pub(crate) fn add_spot(&mut self, depth: usize, at: Location, what: Option<String>) {
        let is = Is::Spot(Spot { at, what });
        let line = Line { depth, is };
        // A loop may do the same thing twice.
        if self.lines.last() != Some(&line) {
            self.lines.push(line);
        }
    }

    /// Adds a note. One without a label is a line of its own, one without a text a headline of what
    /// follows deeper.
    pub(crate) fn add_note(
        &mut self,
        depth: usize,
        label: impl Into<Cow<'static, str>>,
        text: impl Into<String>,
    ) {
        let (label, text) = (label.into(), text.into());
        let is = Is::Note(Note { label, text });
        self.lines.push(Line { depth, is });
    }

    /// Adds what another diagnostic says below its title, with its help.
    pub(crate) fn add_details(&mut self, depth: usize, of: Self) {
        let deeper = |line: Line| Line {
            depth: line.depth + depth - 1,
            is: line.is,
        };
        self.lines.extend(of.lines.into_iter().map(deeper));
        if !of.help.is_empty() {
            self.add_note(depth, "help", of.help);
        }
    }

    /// The same with another title and another help.
    pub(crate) fn with(self, title: String, help: String) -> Self {
        Self {
            title,
            help,
            ..self
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is wrong.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The places that it is about.
    pub fn spots(&self) -> impl Iterator<Item = &Spot> {
        self.lines.iter().filter_map(|line| match &line.is {
            Is::Spot(spot) => Some(spot),
            Is::Note(_) => None,
        })
    }

    /// What there is to know besides.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.lines.iter().filter_map(|line| match &line.is {
            Is::Note(note) => Some(note),
            Is::Spot(_) => None,
        })
    }

    /// What to do.
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// The margin of the second line of a text, whose first one stands at this depth.
fn margin(depth: usize) -> String {
    " ".repeat(4 * (depth / 2 + 1))
}

impl Line {
    fn write(&self, f: &mut fmt::Formatter<'_>, of: &Diagnostic) -> fmt::Result {
        let indent = 2 * self.depth;
        write!(f, "{:indent$}", "")?;
        match &self.is {
            Is::Spot(Spot { at, what }) => {
                let at = at.among(of.spots().map(|other| other.at));
                match what {
                    Some(what) => write!(f, "--> {at} ({})", text::line(what)),
                    None => write!(f, "--> {at}"),
                }
            }
            Is::Note(Note { label, text }) => {
                let text = text::block(text, &margin(self.depth));
                match (label.is_empty(), text.is_empty()) {
                    (true, _) => f.write_str(&text),
                    (false, true) => write!(f, "{label}:"),
                    (false, false) => write!(f, "{label}: {text}"),
                }
            }
        }
    }
}

/// Writes the whole description: every error is shown by this.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = text::block(&self.title, &margin(0));
        write!(f, "error[{}]: {title}", self.code)?;
        for line in &self.lines {
            f.write_str("\n")?;
            line.write(f, self)?;
        }
        write!(f, "\n  help: {}", text::line(&self.help))
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut fields = serializer.serialize_struct("Diagnostic", 5)?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("title", &self.title)?;
        fields.serialize_field("spots", &self.spots().collect::<Vec<_>>())?;
        fields.serialize_field("notes", &self.notes().collect::<Vec<_>>())?;
        fields.serialize_field("help", &self.help)?;
        fields.end()
    }
}

/// An error with a code, and with a description of several lines.
///
/// `Display` of such an error is the title of the description, on one line; `Debug` and
/// [`render`](Diagnose::render) are all of it.
pub trait Diagnose: Error + Sealed {
    /// Describes the error.
    fn diagnostic(&self) -> Diagnostic;

    /// The stable code.
    fn code(&self) -> Code {
        self.diagnostic().code()
    }

    /// The description on several lines.
    fn render(&self) -> String {
        self.diagnostic().to_string()
    }
}

/// Keeps [`Diagnose`] to the errors of this crate.
pub trait Sealed {}

/// Implements `Debug` by the description of an error.
macro_rules! diagnosed {
    ($($error:ty),*) => {$(
        impl $crate::base::diagnostic::Sealed for $error {}

        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&$crate::base::diagnostic::Diagnose::render(self))
            }
        }
    )*};
}
pub(crate) use diagnosed;
