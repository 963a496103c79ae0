//! The phases of a plugin's life.

use std::fmt;

/// Which hook of a plugin was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// [`Hooks::load`](crate::Hooks::load)
    Load,
    /// [`App::on_pre_ready`](crate::App::on_pre_ready)
    PreReady,
    /// [`Hooks::ready`](crate::Hooks::ready)
    Ready,
    /// [`App::on_ready`](crate::App::on_ready), [`LoadContext::on_ready`](crate::LoadContext::on_ready)
    OnReady,
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

impl Phase {
    /// Whether it belongs to the boot.
    pub(crate) fn is_of_boot(self) -> bool {
        self <= Phase::Start
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Load => "load",
            Phase::PreReady => "pre-ready",
            Phase::Ready => "ready",
            Phase::OnReady => "on-ready",
            Phase::Start => "start",
            Phase::Run => "run",
            Phase::Drain => "drain",
            Phase::Stop => "stop",
            Phase::Close => "close",
        })
    }
}
