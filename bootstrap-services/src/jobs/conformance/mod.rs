//! What each engine of jobs passes.

mod bench;
mod crashes;
mod model;
mod running;
mod storing;
mod transactions;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bootstrap::App;

use crate::clock::VirtualClock;
use crate::database::Transaction;
use crate::jobs::JobEngine;
use crate::jobs::conformance::bench::Bench;
use crate::jobs::conformance::transactions::{Calls, Transactions};

/// Two instances of an engine over one store, as two processes would have them: `[one, other].into()`.
pub struct Instances {
    engines: [Arc<dyn JobEngine>; 2],
    transactions: Option<Box<dyn Transactions>>,
}

impl From<[Arc<dyn JobEngine>; 2]> for Instances {
    fn from(engines: [Arc<dyn JobEngine>; 2]) -> Self {
        Self {
            engines,
            transactions: None,
        }
    }
}

impl Instances {
    /// Adds transactions that the first instance takes in [`JobEngine::push_in`]: how one begins, and how it is committed. One that is dropped has to be rolled back.
    #[must_use]
    pub fn transactions<T: Transaction + 'static>(
        mut self,
        begin: impl AsyncFn() -> T + 'static,
        commit: impl AsyncFn(T) + 'static,
    ) -> Self {
        self.transactions = Some(Box::new(Calls { begin, commit }));
        self
    }
}

impl fmt::Debug for Instances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instances").finish_non_exhaustive()
    }
}

/// Checks an engine of jobs: that it loses no job, and runs one again only after a crash or a failure; that it keeps to the limits of queues; that it retries, cancels,
/// releases and makes dead letters as [`JobEngine`] and [`Work`](crate::jobs::Work) say.
///
/// `make` returns two instances over one empty store, another one at each call. They read the clock, and take over the jobs of a worker after at most one minute of silence.
/// Jobs that are enqueued in a transaction are checked with [`Instances::transactions`].
///
/// It can't make the store of an engine unreachable. In a test of its own, lock or stop the store for some seconds: a worker goes on when the store is back, an outcome of that time is not lost, and
/// [`Work::failed`](crate::jobs::Work::failed) was called.
///
/// # Panics
///
/// Panics if the engine does not do what it should.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use bootstrap::prelude::*;
/// use bootstrap_services::clock::VirtualClock;
/// use bootstrap_services::database::{Database, DatabasePlugin, Tx};
/// use bootstrap_services::jobs::conformance::{self, Instances};
/// use bootstrap_services::jobs::{JobEngine, SqliteJobsPlugin};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let folder = tempfile::tempdir().unwrap();
/// let apps = Mutex::new(Vec::new());
/// let make = async |time: VirtualClock| {
///     let file = folder.path().join(format!("{}.db", apps.lock().unwrap().len()));
///     let (mut engines, mut databases) = (Vec::new(), Vec::new());
///     for _ in 0..2 {
///         let app = App::new().supply(time.clock()).with(SqliteJobsPlugin::default());
///         let running = app.with(DatabasePlugin::default().file(file.clone())).boot().await.unwrap();
///         let engine = running.try_get::<Port<dyn JobEngine>>().unwrap();
///         engines.push(Port::to_arc(&engine).unwrap());
///         databases.push(Database::clone(&running.try_get::<State<Database>>().unwrap()));
///         apps.lock().unwrap().push(running);
///     }
///     let (one, other, database) = (engines.remove(0), engines.remove(0), databases.remove(0));
///     let begin = async move || database.begin().await.unwrap();
///     Instances::from([one, other]).transactions(begin, async |tx: Tx| tx.commit().await.unwrap())
/// };
/// # if false {
/// conformance::check(make).await;
/// # }
/// # let _ = make;
/// # }
/// ```
pub async fn check<I: Into<Instances>>(make: impl AsyncFn(VirtualClock) -> I) {
    let app = App::new()
        .boot()
        .await
        .expect("an app without plugins boots");
    let bench = async || {
        let time =
            VirtualClock::starting_at(SystemTime::UNIX_EPOCH + Duration::from_hours(500_000));
        let instances = make(time.clone()).await;
        Bench::new(&app, time, instances.into())
    };
    macro_rules! all {
        ($($case:path),* $(,)?) => { $($case(&bench().await).await;)* };
    }
    all!(
        running::a_job_is_done_once,
        running::priorities_come_first_and_times_in_their_order,
        running::a_delayed_job_waits_for_its_time,
        storing::of_racers_for_a_unique_key_one_wins,
        storing::a_unique_key_is_free_when_its_job_has_ended,
        storing::a_transaction_of_another_database_is_refused,
        storing::a_job_of_a_transaction_begins_once_that_commits,
        storing::a_job_of_a_transaction_that_rolls_back_does_not_exist,
        storing::the_largest_payload_is_kept,
        storing::a_list_has_what_its_filter_says_and_the_newest_first,
        running::a_failed_job_is_retried_until_it_is_dead,
        storing::a_dead_letter_is_found_and_requeued,
        running::a_job_is_cancelled_before_and_while_it_runs,
        running::a_job_that_ends_wakes_another_however_it_ended,
        running::a_job_that_resumes_a_workflow_is_not_cancelled,
        running::progress_and_results_are_kept,
        running::two_workers_run_no_job_twice,
        crashes::the_jobs_of_a_dead_worker_are_taken_over,
        crashes::a_poison_job_is_buried_and_its_neighbours_are_done,
        crashes::the_first_crash_buries_no_job,
        crashes::a_long_job_is_not_taken_over,
        running::a_stop_releases_what_runs,
        running::newer_payloads_and_unknown_names_stay,
        running::a_rate_holds_up_its_own_queue_only,
        running::a_concurrency_holds_for_its_queue,
        storing::a_purge_removes_what_is_old_and_of_its_state,
        storing::one_job_is_removed_once_it_has_ended,
        running::a_clock_that_is_set_back_stops_nothing,
        running::an_idle_worker_begins_soon,
    );
    for seed in 1..=4 {
        model::random_calls_leave_what_a_model_says(&bench().await, seed).await;
    }
    app.close().await.expect("an app without plugins closes");
}
