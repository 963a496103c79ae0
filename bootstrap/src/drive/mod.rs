//! The engine room: runs one hook of every plugin, in the order of the graph.
//!
//! Boot, drain, stop and close are passes over the same graph, forwards or backwards. In come a
//! [`Scheduler`] that knows the order and a [`Phase`] that knows what to do at each node; out goes
//! nothing: the phase keeps what happened.
//!
//! - `ways` is what it goes along: the plan, or more.
//! - `scheduler` is pure: which nodes may run now.
//! - `board` is the shared state of a pass: what runs, waits, is due or has to go. `watch` is what the
//!   watcher asks of it, and `ends` how jobs end before they are done.
//! - `driver` is the task that polls jobs; several of them share a board.
//! - `pass` watches over the drivers, with timers, and never polls a job itself.
//!
//! # Why a driver polls many jobs
//!
//! Most hooks return at their first poll or after little waiting. A task for each would cost more
//! than the hook, so drivers poll jobs where they stand, and a job that waits costs no task either:
//! its waker puts it back on the board. But a hook may also block its thread. So a driver that
//! finds more work than it can take summons another one *before* it polls.
//!
//! A tokio worker keeps the task that was woken last to itself, and no other worker can steal it from
//! there: a driver that is summoned alone would wait for the very hook that blocks. Each summons
//! therefore wakes two, and the second pushes the first one out to where it can be stolen. For the
//! same reason a driver goes back to the runtime whenever it has told the watcher something: what
//! it polls next may block. What a hook does with the pass summons drivers as well, and wakes the
//! watcher only if that has to look. And it goes back after so many turns, because a job that wakes itself
//! would otherwise keep everything else of that thread waiting.

mod board;
mod driver;
mod ends;
mod job;
mod pass;
#[cfg(feature = "testing")]
mod ranks;
mod scheduler;
#[cfg(feature = "testing")]
mod shuffle;
mod watch;
mod ways;

pub(crate) use board::{GRACE, LAST_CHANCE};
pub(crate) use job::{End, Flow, Grow, JobFuture, Phase, Slow, Start, Timing, job};
pub(crate) use pass::{Ending, Limits, run};
pub(crate) use scheduler::{Direction, Join, Scheduler};
pub(crate) use ways::{Edges, Ways};
