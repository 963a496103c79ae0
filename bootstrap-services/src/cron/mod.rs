//! Cron: work at times of the calendar.
//!
//! A plugin with [`#[cron(..)]`](macro@cron) runs at the times of its pattern. [`Cron`] adds and controls schedules
//! at run time. Of all instances that share a [`CronStore`], one runs each occurrence.

#[cfg(feature = "testing")]
pub mod conformance;
mod context;
#[cfg(feature = "database")]
mod database;
mod due;
mod engine;
#[cfg(feature = "jobs")]
mod enqueue;
mod entry;
mod error;
mod info;
mod keys;
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

/// Declares a plugin that runs at the times of a pattern. Write [`impl CronTask`](CronTask) for the struct as well.
///
/// The fields are requirements and options, as with [`#[plugin]`](macro@bootstrap::plugin). The attribute writes the hooks of the plugin, and
/// adds two fields, so construct it with `Nightly::default()`. It requires [`Cron`], so a collected app needs nothing else.
///
/// | argument | meaning |
/// |---|---|
/// | `"0 3 * * *"` | the pattern: see [`Schedule`] |
/// | `zone = "Europe/Berlin"` | its time zone; by default UTC |
/// | `overlap = skip`, `queue` or `allow` | see [`Overlap`]; by default `skip` |
/// | `missed = skip`, `once` or `all(5)` | see [`Missed`]; by default `once` |
/// | `timeout = "10m"` | the longest time of a run (`ms`, `s`, `m`, `h`) |
/// | `name = "nightly"` | the name of the plugin and of the schedule; by default the name of the struct in kebab case |
/// | `collect`, `after`, `child_of`, `replaces`, `load_timeout`, `close_timeout`, `crate` | as of `#[plugin]`; `crate` is the path of `bootstrap_services` |
///
/// The keys `cron.<name>.pattern` and `cron.<name>.enabled` of the configuration override the pattern, and switch the
/// plugin off.
///
/// # Examples
///
/// ```standalone_crate
/// use bootstrap::prelude::*;
/// use bootstrap_services::cron::{CronContext, CronTask, cron};
///
/// #[cron("*/5 * * * *", zone = "Europe/Berlin", overlap = skip, missed = once)]
/// struct Cleanup {
///     #[option(default = 30)]
///     days: u32,
/// }
///
/// impl CronTask for Cleanup {
///     async fn run(&self, _: &CronContext) -> Result<()> {
///         println!("removing what is older than {} days", self.days);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let running = App::collect().boot().await?;
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors of the compiler
///
/// A pattern that is wrong or never comes, and a zone that does not exist, are errors at the literal:
///
/// ```compile_fail
/// # use bootstrap_services::cron::cron;
/// #[cron("99 * * * *")] // the minute of the pattern `99 * * * *` can't be `99`
/// struct Wrong;
/// ```
///
/// ```compile_fail
/// # use bootstrap_services::cron::cron;
/// #[cron("0 0 30 2 *")] // never comes: no day of the calendar matches it
/// struct Wrong;
/// ```
///
/// ```compile_fail
/// # use bootstrap_services::cron::cron;
/// #[cron("@daily", zone = "Berlin")] // there is no time zone `Berlin`; write `Europe/Berlin`
/// struct Wrong;
/// ```
///
/// A struct without a task is an error as well:
///
/// ```compile_fail,E0277
/// # use bootstrap_services::cron::cron;
/// #[cron("0 3 * * *")] // the plugin `Nightly` has no cron task
/// struct Nightly;
/// ```
pub use bootstrap_services_macros::cron;
pub use context::{CronContext, CronTask};
#[cfg(feature = "database")]
pub use database::DatabaseCronStore;
pub use error::{CronError, Place};
pub use info::{Counts, Outcome, ScheduleInfo};
pub use plugin::CronPlugin;
pub use schedule::{Missed, Overlap, Schedule};
pub use state::{Cron, Triggered};
#[cfg(feature = "database")]
pub use store::ClaimWork;
pub use store::{CronStore, MemoryCronStore};
