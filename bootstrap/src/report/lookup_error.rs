//! Why something of an app, or of a request, could not be read or set.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::base::diagnostic::{Code, Diagnose, Diagnostic, diagnosed};
use crate::base::key::StateKey;
use crate::base::name::PluginName;
use crate::base::text::line;

/// Why a state, a port, a request state or the current app could not be read.
///
/// `Display` is one line, `Debug` the whole diagnosis.
///
/// # Examples
///
/// ```
/// use bootstrap::error::LookupFailure;
/// use bootstrap::prelude::*;
///
/// struct Pool;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::new().boot().await?;
/// let error = running.state::<Pool>().unwrap_err();
/// assert_eq!(error.to_string(), "no plugin of this app provides the state `Pool`");
/// assert!(matches!(error.why, LookupFailure::Missing));
/// assert_eq!(error.code(), "GET001");
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupError {
    /// What is looked up.
    pub key: LookupKey,
    /// Why it can't be read.
    pub why: LookupFailure,
}

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupKey {
    /// A state or a port of an app.
    InApp(StateKey),
    /// A request state, by its name in messages.
    InRequest(Cow<'static, str>),
    /// The app around the caller.
    CurrentApp,
}

/// Why a lookup failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupFailure {
    /// No plugin of this app provides it.
    Missing,
    /// Several plugins, or several instances of one, provide it.
    #[non_exhaustive]
    Ambiguous {
        /// The plugins that provide it.
        plugins: Vec<PluginName>,
    },
    /// Only plugins in scopes that are not seen from the caller provide it.
    #[non_exhaustive]
    Hidden {
        /// The plugins that provide it.
        plugins: Vec<PluginName>,
    },
    /// Its plugin has closed, or has not loaded.
    #[non_exhaustive]
    NotLoaded {
        /// The plugin that provides it.
        plugin: PluginName,
    },
    /// It is looked up while the app still loads.
    #[non_exhaustive]
    TooEarly {
        /// The plugin that provides it.
        plugin: PluginName,
    },
    /// The handle belongs to a plugin that no app has loaded.
    Unbound,
    /// The app has ended.
    AppEnded,
    /// No app is entered where the current one is looked up.
    NoApp,
    /// The `load` of a plugin looks up a state of the current app.
    #[non_exhaustive]
    InLoad {
        /// The plugin whose `load` it is.
        plugin: PluginName,
    },
    /// No request scope is entered where a request state is read.
    NoRequest,
    /// The request state is set neither in this scope, nor in those around it.
    NotSet,
    /// The request scope has ended, and its values have been dropped.
    RequestEnded,
}

impl LookupError {
    pub(crate) fn state(key: StateKey, why: LookupFailure) -> Self {
        let key = LookupKey::InApp(key);
        Self { key, why }
    }

    pub(crate) fn request(name: Cow<'static, str>, why: LookupFailure) -> Self {
        let key = LookupKey::InRequest(name);
        Self { key, why }
    }

    pub(crate) fn no_app() -> Self {
        Self {
            key: LookupKey::CurrentApp,
            why: LookupFailure::NoApp,
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match &self.why {
            LookupFailure::Missing => Code::Missing,
            LookupFailure::Ambiguous { .. } => Code::Ambiguous,
            LookupFailure::Hidden { .. } => Code::Hidden,
            LookupFailure::NotLoaded { .. } => Code::NotLoaded,
            LookupFailure::TooEarly { .. } => Code::TooEarly,
            LookupFailure::Unbound => Code::Unbound,
            LookupFailure::AppEnded => Code::AppEnded,
            LookupFailure::NoApp => Code::NoApp,
            LookupFailure::InLoad { .. } => Code::InLoad,
            LookupFailure::NoRequest => Code::NoRequest,
            LookupFailure::NotSet => Code::NotSet,
            LookupFailure::RequestEnded => Code::RequestEnded,
        }
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        Diagnose::render(self)
    }

    fn help(&self) -> String {
        let (noun, handle) = match &self.key {
            LookupKey::InApp(key) => (key.noun(), key.handle()),
            LookupKey::InRequest(_) | LookupKey::CurrentApp => ("state", "State<..>".to_owned()),
        };
        match &self.why {
            LookupFailure::Missing => "register the plugin that provides it".to_owned(),
            LookupFailure::Ambiguous { .. } => {
                format!("take the handle of one of them from its registration, with `{noun}()`")
            }
            LookupFailure::Hidden { .. } => {
                format!("take the handle from its registration, with `{noun}()`, or `export` it")
            }
            LookupFailure::NotLoaded { .. } => {
                "look it up while its plugin is loaded, or make it a field".to_owned()
            }
            LookupFailure::TooEarly { .. } => {
                format!("read a `Lazy` from `ready` on, or make the field a `{handle}`")
            }
            LookupFailure::Unbound => {
                "use the handle of a plugin that an app has loaded".to_owned()
            }
            LookupFailure::AppEnded => "use the handle while its app runs".to_owned(),
            LookupFailure::NoApp => {
                "enter an app, with `Current::enter` or `RequestScope::enter`: code \
                 outside of hooks, and tasks that were spawned by hand, have none"
                    .to_owned()
            }
            LookupFailure::InLoad { .. } => format!("make it a field, `{handle}`"),
            LookupFailure::NoRequest => "open one, with `request_scope`, and `enter` it".to_owned(),
            LookupFailure::NotSet => "set it before it is read".to_owned(),
            LookupFailure::RequestEnded => {
                "read it before the scope ends, and keep what is needed longer".to_owned()
            }
        }
    }
}

/// What is looked up, in messages.
impl fmt::Display for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupKey::InApp(key) => f.write_str(&key.described()),
            LookupKey::InRequest(name) => write!(f, "request state `{}`", line(name)),
            LookupKey::CurrentApp => f.write_str("current app"),
        }
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.why {
            LookupFailure::Missing => write!(f, "no plugin of this app provides the {key}"),
            LookupFailure::Ambiguous { plugins } => {
                write!(f, "several plugins provide the {key} ({})", list(plugins))
            }
            LookupFailure::Hidden { plugins } => write!(
                f,
                "the {key} is only provided in other scopes ({})",
                list(plugins)
            ),
            LookupFailure::NotLoaded { plugin } => write!(
                f,
                "the {key} is not there: plugin `{plugin}`, which provides it, is not loaded"
            ),
            LookupFailure::TooEarly { plugin } => write!(
                f,
                "the {key} of plugin `{plugin}` is looked up too early: the app still loads"
            ),
            LookupFailure::Unbound => write!(
                f,
                "the {key} is not bound: this handle belongs to a plugin that no app has loaded"
            ),
            LookupFailure::AppEnded => write!(f, "the {key} is gone: its app has ended"),
            LookupFailure::NoApp if self.key == LookupKey::CurrentApp => {
                f.write_str("no app is around this code")
            }
            LookupFailure::NoApp => {
                write!(
                    f,
                    "the {key} is not initialized: no app is around this code"
                )
            }
            LookupFailure::InLoad { plugin } => write!(
                f,
                "[{plugin}] the {key} can't be read in `load`, where it would be a race with its \
                 provider"
            ),
            LookupFailure::NoRequest => write!(
                f,
                "the {key} is not initialized: no request scope is entered here"
            ),
            LookupFailure::NotSet => write!(
                f,
                "the {key} is not initialized: nothing has set it in this request scope"
            ),
            LookupFailure::RequestEnded => {
                write!(f, "the {key} is gone: its request scope has ended")
            }
        }
    }
}

/// Why a state could not be set.
///
/// `load` makes the states of an app; the content of a [`Swap`](crate::Swap) and a
/// [`RequestState`](crate::RequestState) may be set later.
///
/// `Display` is one line, `Debug` the whole diagnosis.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// The state of the app that holds the content can't be read.
    #[non_exhaustive]
    NotRead {
        /// The state.
        state: StateKey,
        /// Why it can't be read.
        source: LookupError,
    },
    /// No request scope is entered where a request state is set.
    #[non_exhaustive]
    NoRequest {
        /// The state, by its name in messages.
        state: Cow<'static, str>,
    },
    /// The request scope has ended.
    #[non_exhaustive]
    RequestEnded {
        /// The state, by its name in messages.
        state: Cow<'static, str>,
    },
}

impl SetError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            SetError::NotRead { .. } => Code::SetUnreadable,
            SetError::NoRequest { .. } => Code::SetWithoutRequest,
            SetError::RequestEnded { .. } => Code::SetAfterRequest,
        }
    }

    /// The whole diagnosis, on several lines.
    pub fn render(&self) -> String {
        Diagnose::render(self)
    }

    fn help(&self) -> String {
        match self {
            SetError::NotRead { source, .. } => source.help(),
            SetError::NoRequest { .. } => {
                "open one, with `request_scope`, and `enter` it".to_owned()
            }
            SetError::RequestEnded { .. } => {
                "set it before the scope ends, or in a scope of its own".to_owned()
            }
        }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::NotRead { state, source } => {
                write!(f, "Cannot set value for state `{state}`: {source}")
            }
            SetError::NoRequest { state } => write!(
                f,
                "Cannot set value for state `{}`: no request scope is entered here",
                line(state)
            ),
            SetError::RequestEnded { state } => write!(
                f,
                "Cannot set value for state `{}`: its request scope has ended",
                line(state)
            ),
        }
    }
}

diagnosed!(LookupError, SetError);

impl Diagnose for LookupError {
    fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), self.to_string(), self.help())
    }
}

impl Diagnose for SetError {
    fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), self.to_string(), self.help())
    }
}

impl Error for LookupError {}

impl Error for SetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SetError::NotRead { source, .. } => Some(source),
            SetError::NoRequest { .. } | SetError::RequestEnded { .. } => None,
        }
    }
}

fn list(plugins: &[PluginName]) -> String {
    let quoted: Vec<String> = plugins.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
