//! Times of the calendar in tests.

use std::time::SystemTime;

use jiff::Zoned;

use crate::clock::VirtualClock;

/// The time that a text means, with its zone: `2026-03-29T02:30[Europe/Berlin]`. A time in a gap is as much later as
/// the gap is long.
///
/// # Panics
///
/// Panics if the text is not a time with a zone.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use bootstrap_services::cron::testing::moment;
///
/// assert_eq!(moment("1970-01-01T01:00[Europe/Berlin]"), UNIX_EPOCH);
/// assert_eq!(moment("1970-01-02T00:00[UTC]"), UNIX_EPOCH + Duration::from_secs(86_400));
/// ```
#[track_caller]
pub fn moment(text: &str) -> SystemTime {
    match text.parse::<Zoned>() {
        Ok(time) => time.timestamp().into(),
        Err(error) => panic!(
            "`{text}` is not a time with a zone, as `2026-03-29T02:30[Europe/Berlin]` is: {error}"
        ),
    }
}

/// Moves the clock to a time that lies ahead, and runs what is due on the way.
///
/// # Panics
///
/// Panics if the text is not a time with a zone, or if a task still waits for something else than the clock after 10
/// seconds of real time.
///
/// # Cancel safety
///
/// The clock stays where it was when the future was dropped.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap_services::cron::testing::{at, moment};
/// use bootstrap_services::cron::{Cron, CronPlugin, MemoryCronStore, Schedule};
/// use bootstrap_services::testing::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let time = VirtualClock::starting_at(moment("2026-03-28T12:00[Europe/Berlin]"));
/// let app = App::new().supply(time.clock()).with(MemoryCronStore::default()).with(CronPlugin::default());
/// let running = app.boot().await?;
/// let cron = running.try_get::<State<Cron>>()?;
/// cron.add(Schedule::new("backup", "30 2 * * *").zone("Europe/Berlin"), async |_| Ok(()))?;
/// at(&time, "2026-03-29T03:00[Europe/Berlin]").await;
/// assert_eq!(cron.list()[0].counts.fired, 1);
/// # running.close().await?;
/// # Ok(())
/// # }
/// ```
pub async fn at(clock: &VirtualClock, text: &str) {
    clock.advance_to(moment(text)).await;
}
