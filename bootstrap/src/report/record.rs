//! The data of a report.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::key::StateKey;
use crate::base::location::Location;
use crate::base::name::PluginName;

/// What an app did so far: every plugin, every hook of it, how long and with what outcome.
///
/// `Display` renders the boot and, once it has begun, the close as trees; see [`Report::boot_tree`].
///
/// # Examples
///
/// ```
/// use bootstrap::plugin_fn;
/// use bootstrap::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut app = App::new();
/// app.register(plugin_fn("warm-up", async |_| Ok(())));
/// let report = app.boot().await?.close().await?;
/// assert_eq!(report.plugins.len(), 1);
/// assert!(report.boot_tree().contains("└── warm-up"));
/// # Ok(())
/// # }
/// ```
///
/// With the feature `serde` it can be serialized; times are in microseconds then. The guide lists
/// [the keys](crate::guide::see).
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// How long the boot took, once it is over.
    #[cfg_attr(feature = "serde", serde(rename = "boot_us", with = "micros"))]
    pub boot: Option<Duration>,
    /// How long draining and closing took, once that is over; a rollback counts as closing.
    #[cfg_attr(feature = "serde", serde(rename = "close_us", with = "micros"))]
    pub close: Option<Duration>,
    /// What closing spent its time on, once it is over.
    pub closing: Option<Closing>,
    /// Every plugin, in the order of the plan. Shared, so that a report is cheap to clone.
    pub plugins: Arc<[PluginReport]>,
}

/// The parts of a close, in their order. A rollback has the last one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Closing {
    /// The `drain` hooks.
    #[cfg_attr(feature = "serde", serde(rename = "drain_us", with = "whole_micros"))]
    pub drain: Duration,
    /// The end of the `run` tasks.
    #[cfg_attr(feature = "serde", serde(rename = "stop_us", with = "whole_micros"))]
    pub stop: Duration,
    /// The app's own [`on_close`](crate::App::on_close) hooks.
    #[cfg_attr(feature = "serde", serde(rename = "hooks_us", with = "whole_micros"))]
    pub hooks: Duration,
    /// The `close` hooks.
    #[cfg_attr(feature = "serde", serde(rename = "close_us", with = "whole_micros"))]
    pub close: Duration,
}

/// What one plugin did.
///
/// Every plugin has a `load` and a `close`. A hook that it does not have is `None`, and so is one that
/// was not due.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PluginReport {
    /// What it is called.
    pub name: PluginName,
    /// Where it is declared.
    pub declared: Location,
    /// Its `load`.
    pub load: Step,
    /// Its `close`; a plugin without the hook closes at once.
    pub close: Step,
    #[cfg_attr(feature = "serde", serde(flatten, serialize_with = "more"))]
    more: Option<Box<MoreReport>>,
}

impl PluginReport {
    pub(crate) fn new(
        name: PluginName,
        declared: Location,
        load: Step,
        close: Step,
        more: Option<Box<MoreReport>>,
    ) -> Self {
        Self {
            name,
            declared,
            load,
            close,
            more,
        }
    }
}

impl PluginReport {
    fn more(&self) -> &MoreReport {
        static NOTHING: MoreReport = MoreReport::NOTHING;
        self.more.as_deref().unwrap_or(&NOTHING)
    }

    /// The plugin (an index of [`Report::plugins`]) that registered it in its `load`.
    pub fn parent(&self) -> Option<usize> {
        self.more().parent
    }

    /// Its `ready`.
    pub fn ready(&self) -> Option<Step> {
        self.more().ready
    }

    /// Its `run` task, from its start to its end.
    pub fn run(&self) -> Option<Step> {
        self.more().run
    }

    /// How often it has been loaded again, by a restart of a part of the app. The steps of its hooks
    /// are those of the last time.
    pub fn generation(&self) -> u32 {
        self.more().generation
    }

    /// How often its `run` task was started again.
    pub fn restarts(&self) -> u32 {
        self.more().restarts
    }

    /// Its `drain`.
    pub fn drain(&self) -> Option<Step> {
        self.more().drain
    }

    /// The end of its `run` task, from the moment that it was asked to stop.
    pub fn stop(&self) -> Option<Step> {
        self.more().stop
    }

    /// The last progress that a hook of it reported.
    pub fn progress(&self) -> Option<&Progress> {
        self.more().progress.as_ref()
    }

    /// States of it to which handles were left when it had closed.
    pub fn outlived(&self) -> &[StateKey] {
        &self.more().outlived
    }
}

/// What a plugin did besides loading and closing, which most have nothing to say about.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct MoreReport {
    pub(crate) parent: Option<usize>,
    pub(crate) ready: Option<Step>,
    pub(crate) run: Option<Step>,
    pub(crate) generation: u32,
    pub(crate) restarts: u32,
    pub(crate) drain: Option<Step>,
    pub(crate) stop: Option<Step>,
    pub(crate) progress: Option<Progress>,
    pub(crate) outlived: Vec<StateKey>,
}

impl MoreReport {
    const NOTHING: Self = Self {
        parent: None,
        ready: None,
        run: None,
        generation: 0,
        restarts: 0,
        drain: None,
        stop: None,
        progress: None,
        outlived: Vec::new(),
    };
}

/// Every report has the same keys, whether there is something to say or not.
#[cfg(feature = "serde")]
#[allow(clippy::ref_option, clippy::borrowed_box, reason = "serde calls it so")]
fn more<S: serde::Serializer>(
    more: &Option<Box<MoreReport>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let nothing = MoreReport::NOTHING;
    let more = more.as_deref().unwrap_or(&nothing);
    serde::Serialize::serialize(more, serializer)
}

/// What a hook said of how far it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Progress {
    /// Its words.
    pub text: Cow<'static, str>,
    /// When, counted from the start of the boot.
    #[cfg_attr(feature = "serde", serde(rename = "at_us", with = "whole_micros"))]
    pub at: Duration,
}

/// One hook of one plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Step {
    /// How it ended, or that it has not.
    pub outcome: Outcome,
    /// When it began, counted from the start of the boot.
    #[cfg_attr(feature = "serde", serde(rename = "began_us", with = "micros"))]
    pub began: Option<Duration>,
    /// How long it took, once it has ended.
    #[cfg_attr(feature = "serde", serde(rename = "took_us", with = "micros"))]
    pub took: Option<Duration>,
    /// The plugin (an index of [`Report::plugins`]) that it had to wait for last.
    pub released_by: Option<usize>,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            outcome: Outcome::NotStarted,
            began: None,
            took: None,
            released_by: None,
        }
    }
}

/// How a hook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Outcome {
    /// It has not begun; after a failed boot it never will.
    NotStarted,
    /// It is running.
    Started,
    /// It returned `Ok`.
    Done,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// Its time was up.
    TimedOut,
    /// It was cancelled because the boot failed elsewhere or was interrupted.
    Cancelled,
    /// It never began, because what stands beside it failed; the boot went on without them.
    Skipped,
    /// It did not react to being cancelled, and was left behind.
    Abandoned,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::NotStarted => "not started",
            Outcome::Started => "running",
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Panicked => "panicked",
            Outcome::TimedOut => "timed out",
            Outcome::Cancelled => "cancelled",
            Outcome::Skipped => "skipped",
            Outcome::Abandoned => "abandoned",
        })
    }
}

impl Report {
    /// The record of a plugin, by the name that messages call it.
    pub fn plugin(&self, name: &str) -> Option<&PluginReport> {
        self.plugins.iter().find(|plugin| plugin.name == *name)
    }
}

/// Durations as whole microseconds.
#[cfg(feature = "serde")]
mod micros {
    use std::time::Duration;

    use serde::{Serialize as _, Serializer};

    #[allow(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_micros()).serialize(serializer)
    }
}

/// The same for durations that are always there.
#[cfg(feature = "serde")]
mod whole_micros {
    use std::time::Duration;

    use serde::{Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.as_micros().serialize(serializer)
    }
}
