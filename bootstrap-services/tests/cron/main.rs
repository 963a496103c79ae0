//! The service `cron`, on a virtual clock.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod attribute;
mod calendar;
mod control;
mod drain;
mod enqueue;
mod many;
mod measured;
mod missed;
mod oracle;
mod overlap;
mod store;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bootstrap::prelude::*;
use bootstrap::{Port, Running};
use bootstrap_services::cron::testing::moment;
use bootstrap_services::cron::{
    Cron, CronContext, CronError, CronPlugin, CronStore, MemoryCronStore, Schedule, ScheduleInfo,
};
use bootstrap_services::testing::VirtualClock;
use jiff::tz::TimeZone;

/// An app with cron, and its clock.
struct Kit {
    time: VirtualClock,
    running: Running,
    cron: State<Cron>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Kit {
    async fn at(text: &str) -> Self {
        let time = VirtualClock::starting_at(moment(text));
        Self::with(&time, Arc::new(MemoryCronStore::default())).await
    }

    /// One instance of an app: others may have the same store.
    async fn with(time: &VirtualClock, store: Arc<dyn CronStore>) -> Self {
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&errors);
        let app = App::new()
            .supply(time.clock())
            .supply(Port::<dyn CronStore>::from_arc(store))
            .with(CronPlugin::default())
            .on_error(move |cx| {
                kept.lock().unwrap().push(cx.error().to_string());
                async { Ok(()) }
            });
        let running = within(app.boot()).await.unwrap();
        let cron = running.try_get::<State<Cron>>().unwrap();
        let time = time.clone();
        Self {
            time,
            running,
            cron,
            errors,
        }
    }

    /// Adds a schedule that notes the times at which it is due.
    fn note(&self, schedule: Schedule) -> Notes {
        let notes = Notes::default();
        let own = notes.clone();
        let added = self.cron.add(schedule, move |cx| {
            own.add(cx.scheduled_at());
            async { Ok(()) }
        });
        added.unwrap();
        notes
    }

    async fn advance(&self, seconds: u64) {
        within(self.time.advance(Duration::from_secs(seconds))).await;
    }

    async fn advance_to(&self, text: &str) {
        within(self.time.advance_to(moment(text))).await;
    }

    async fn set(&self, text: &str) {
        within(self.time.set(moment(text))).await;
    }

    fn info(&self, name: &str) -> ScheduleInfo {
        let mut all = self.cron.list().into_iter();
        all.find(|info| info.name == name).unwrap()
    }

    fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }

    async fn close(self) {
        drop(self.cron);
        within(self.running.close()).await.unwrap();
    }
}

/// Times at which something was due.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<SystemTime>>>);

impl Notes {
    fn add(&self, at: SystemTime) {
        self.0.lock().unwrap().push(at);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// In a zone, as text.
    fn times(&self, zone: &str) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let times = self.0.lock().unwrap();
        let text = |at: &SystemTime| {
            let at = jiff::Timestamp::try_from(*at).unwrap();
            at.to_zoned(zone.clone()).strftime("%F %T").to_string()
        };
        times.iter().map(text).collect()
    }
}

/// No test hangs.
async fn within<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_mins(1);
    tokio::time::timeout(limit, future)
        .await
        .expect("within a minute")
}

/// What is wrong with a schedule.
async fn refused(schedule: Schedule) -> CronError {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let error = kit
        .cron
        .add(schedule, async |_: CronContext| Ok(()))
        .unwrap_err();
    kit.close().await;
    error
}
