//! Cron: work at times of the calendar.
//!
//! A plugin with [`#[cron(..)]`](macro@cron) runs at the times of its pattern. [`Cron`] adds and controls schedules
//! at run time. Of all instances that share a [`CronStore`], one runs each occurrence.

#[cfg(feature = "testing")]
pub mod conformance;
mod context;
mod due;
mod engine;
mod entry;
mod error;
mod info;
mod metrics;
mod pattern;
mod plugin;
#[doc(hidden)]
pub mod private;
mod schedule;
mod state;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use bootstrap_services_macros::cron;
pub use context::{CronContext, CronTask};
pub use error::{CronError, Place};
pub use info::{Counts, Outcome, ScheduleInfo};
pub use plugin::CronPlugin;
pub use schedule::{Missed, Overlap, Schedule};
pub use state::{Cron, Triggered};
pub use store::{CronStore, MemoryCronStore};
