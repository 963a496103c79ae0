//! The phases of a plugin's life.

use std::fmt;

/// Which hook of a plugin was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// [`Hooks::load`](crate::Hooks::load)
    Load,
    /// [`Hooks::ready`](crate::Hooks::ready)
    Ready,
    /// [`App::on_start`](crate::App::on_start)
    Start,
    /// [`Hooks::run`](crate::Hooks::run)
    Run,
    /// [`Hooks::drain`](crate::Hooks::drain)
    Drain,
    /// The end of [`Hooks::run`](crate::Hooks::run), after it was told to stop
    Stop,
    /// [`Hooks::close`](crate::Hooks::close)
    Close,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Load => "load",
            Phase::Ready => "ready",
            Phase::Start => "start",
            Phase::Run => "run",
            Phase::Drain => "drain",
            Phase::Stop => "stop",
            Phase::Close => "close",
        })
    }
}
