//! The phases of a plugin's life.

use std::fmt;

/// Which hook of a plugin was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// [`Hooks::load`](crate::Hooks::load)
    Load,
    /// [`App::on_loaded`](crate::App::on_loaded)
    Loaded,
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
    /// All of them, in their order.
    #[cfg(feature = "testing")]
    pub(crate) const ALL: [Self; 9] = [
        Phase::Load,
        Phase::Loaded,
        Phase::Ready,
        Phase::OnReady,
        Phase::Start,
        Phase::Run,
        Phase::Drain,
        Phase::Stop,
        Phase::Close,
    ];

    /// Whether it belongs to the boot.
    pub(crate) fn is_of_boot(self) -> bool {
        self <= Phase::Start
    }

    /// What a plugin does in it, as in "it has been loading".
    pub(crate) fn does(self) -> &'static str {
        match self {
            Phase::Load => "loading",
            Phase::Loaded => "in an `on_loaded` hook",
            Phase::Ready => "getting ready",
            Phase::OnReady => "in an `on_ready` hook",
            Phase::Start => "in an `on_start` hook",
            Phase::Run => "running",
            Phase::Drain => "draining",
            Phase::Stop => "stopping its tasks",
            Phase::Close => "closing",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Load => "load",
            Phase::Loaded => "on-loaded",
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
