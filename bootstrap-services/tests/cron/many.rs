//! Ten thousand schedules.

use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap_services::clock::ClockPlugin;
use bootstrap_services::cron::{Cron, CronPlugin, MemoryCronStore, Schedule};

use crate::{Kit, within};

#[tokio::test]
async fn ten_thousand_hourly_schedules_each_run_once_an_hour() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    for i in 0..10_000 {
        let schedule = Schedule::new(format!("it-{i}"), format!("{} * * * *", i % 60));
        kit.cron.add(schedule, async |_| Ok(())).unwrap();
    }
    kit.advance(3600).await;
    assert!(kit.cron.list().iter().all(|info| info.counts.fired == 1));
    kit.close().await;
}

fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// In real time: `cargo test --release -p bootstrap-services --test cron -- --ignored --nocapture a_minute`.
#[tokio::test]
#[ignore = "takes a minute of real time"]
async fn a_minute_of_ten_thousand_hourly_schedules_takes_less_than_one_percent_of_a_core() {
    let app = App::new()
        .with(ClockPlugin)
        .with(MemoryCronStore::default())
        .with(CronPlugin::default());
    let running = within(app.boot()).await.unwrap();
    let cron = running.try_get::<State<Cron>>().unwrap();
    let before = processor_time();
    for i in 0..10_000 {
        let schedule = Schedule::new(
            format!("it-{i}"),
            format!("{} {} * * * *", i % 60, i / 60 % 60),
        );
        cron.add(schedule, async |_| Ok(())).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("added in {:?} of a core", processor_time() - before);
    let before = processor_time();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let used = processor_time() - before;
    let fired: u64 = cron.list().iter().map(|info| info.counts.fired).sum();
    println!("{used:?} of a core in a minute, {fired} runs");
    assert!(used < Duration::from_millis(600));
    drop(cron);
    within(running.close()).await.unwrap();
}
