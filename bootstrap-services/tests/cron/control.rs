//! What can be done with schedules at run time. D40.

use bootstrap::prelude::*;
use bootstrap_services::cron::{CronError, CronPlugin, MemoryCronStore, Missed, Outcome, Schedule};

use crate::{Kit, moment, refused, within};

#[tokio::test]
async fn a_schedule_that_is_paused_does_not_run_and_was_not_missed() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let notes = kit.note(Schedule::new("it", "@hourly").missed(Missed::All(100)));
    kit.advance(2 * 3600).await;
    kit.cron.pause("it").unwrap();
    kit.cron.pause("it").unwrap();
    assert_eq!(
        (kit.info("it").next, kit.info("it").is_paused),
        (None, true)
    );
    kit.advance(5 * 3600).await;
    assert_eq!(notes.len(), 2);
    kit.cron.resume("it").unwrap();
    kit.cron.resume("it").unwrap();
    assert_eq!(kit.info("it").next, Some(moment("2026-01-01T08:00[UTC]")));
    kit.advance(3600).await;
    assert_eq!(notes.times("UTC")[2..], ["2026-01-01 08:00:00"]);
    assert_eq!(kit.info("it").counts.missed, 0);
    kit.close().await;
}

#[tokio::test]
async fn a_schedule_is_triggered_by_hand_and_its_next_time_stays() {
    let kit = Kit::at("2026-01-01T00:10[UTC]").await;
    let notes = kit.note(Schedule::new("it", "@hourly"));
    kit.cron.pause("it").unwrap();
    let outcome = within(kit.cron.trigger("it").unwrap().outcome()).await;
    assert_eq!(outcome, Outcome::Succeeded);
    kit.cron.resume("it").unwrap();
    kit.advance(3600).await;
    assert_eq!(
        notes.times("UTC"),
        ["2026-01-01 00:10:00", "2026-01-01 01:00:00"]
    );
    kit.close().await;
}

#[tokio::test]
async fn a_schedule_is_listed_with_what_happened() {
    let kit = Kit::at("2026-01-01T00:10[UTC]").await;
    let line = line!();
    let added = kit.cron.add(
        Schedule::new("bad", "@hourly").zone("Asia/Tokyo"),
        async |_| anyhow::bail!("no paper"),
    );
    added.unwrap();
    kit.advance(3600).await;
    let info = kit.info("bad");
    assert_eq!(
        (info.pattern.as_str(), info.zone.as_str()),
        ("@hourly", "Asia/Tokyo")
    );
    assert!((line..line + 8).contains(&info.defined_at.line()));
    assert_eq!(info.running, 0);
    assert!(info.defined_at.to_string().contains("control.rs:"));
    assert_eq!(info.last, Some(moment("2026-01-01T01:00[UTC]")));
    assert_eq!(info.next, Some(moment("2026-01-01T02:00[UTC]")));
    assert_eq!(info.outcome, Some(Outcome::Failed));
    assert_eq!((info.counts.fired, info.counts.failed), (1, 1));
    kit.close().await;
}

#[tokio::test]
async fn a_schedule_that_is_removed_does_not_run_and_its_name_is_free() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let old = kit.note(Schedule::new("it", "@hourly"));
    kit.cron.remove("it").unwrap();
    let new = kit.note(Schedule::new("it", "@daily"));
    kit.advance(24 * 3600).await;
    assert_eq!((old.len(), new.len()), (0, 1));
    kit.close().await;
}

#[tokio::test]
async fn a_name_is_there_once() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    kit.note(Schedule::new("it", "@hourly"));
    let error = kit
        .cron
        .add(Schedule::new("it", "@daily"), async |_| Ok(()))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("there are two schedules called `it`: one at "),
        "{text}"
    );
    assert!(
        text.contains("main.rs:") && text.contains("control.rs:"),
        "{text}"
    );
    assert!(text.ends_with("\nhelp: rename one of them"), "{text}");
    kit.close().await;
}

#[tokio::test]
async fn an_unknown_name_is_an_error_with_near_words() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    kit.note(Schedule::new("nightly", "@hourly"));
    let near = "there is no schedule called `nigthly`\nhelp: there is a schedule `nightly`: was that meant?";
    assert_eq!(kit.cron.pause("nigthly").unwrap_err().to_string(), near);
    assert_eq!(kit.cron.resume("nigthly").unwrap_err().to_string(), near);
    assert_eq!(kit.cron.remove("nigthly").unwrap_err().to_string(), near);
    assert_eq!(kit.cron.trigger("nigthly").unwrap_err().to_string(), near);
    let far = kit.cron.pause("x").unwrap_err().to_string();
    assert!(
        far.ends_with("\nhelp: add it with `Cron::add` or `#[cron]`; `Cron::list` has all of them")
    );
    kit.close().await;
}

#[tokio::test]
async fn an_option_outside_of_its_limits_is_an_error() {
    let wrong = [
        Schedule::new("", "@daily"),
        Schedule::new("x".repeat(201), "@daily"),
        Schedule::new("a\nb", "@daily"),
        Schedule::new("it", "@daily").missed(Missed::All(0)),
        Schedule::new("it", "@daily").missed(Missed::All(1001)),
        Schedule::new("it", "@daily").timeout(std::time::Duration::ZERO),
    ];
    for schedule in wrong {
        let error = refused(schedule.clone()).await;
        assert!(
            matches!(error, CronError::Option { .. }),
            "{schedule:?}: {error}"
        );
    }
}

/// D40: a hook adds a schedule, which runs at its times.
#[tokio::test]
async fn nothing_runs_before_the_app_is_ready() {
    #[plugin(collect = never)]
    struct Early {
        cron: State<bootstrap_services::cron::Cron>,
    }
    impl Hooks for Early {
        async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
            self.cron
                .add(Schedule::new("it", "* * * * * *"), async |_| Ok(()))?;
            let error = self.cron.trigger("it").unwrap_err();
            assert_eq!(
                error.to_string(),
                "cron does not run the schedule `it` now: the app is not ready yet\n\
                 help: trigger it from `on_ready` on, or in a `run` hook"
            );
            Ok(())
        }
    }
    let time =
        bootstrap_services::testing::VirtualClock::starting_at(moment("2026-01-01T00:00[UTC]"));
    let app = App::new().supply(time.clock()).with(Early::default());
    let app = app
        .with(CronPlugin::default())
        .with(MemoryCronStore::default());
    let running = within(app.boot()).await.unwrap();
    within(time.advance(std::time::Duration::from_secs(3))).await;
    let cron = running
        .try_get::<State<bootstrap_services::cron::Cron>>()
        .unwrap();
    assert_eq!(cron.list()[0].counts.fired, 3);
    drop(cron);
    within(running.close()).await.unwrap();
}

/// Fault of the original: a throw in a handler escapes the tick.
/// A fault of the original: a handler that threw ended the tick of all.
#[tokio::test]
async fn errors_and_panics_of_a_task_are_reported_and_the_schedule_goes_on() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    kit.cron
        .add(Schedule::new("error", "@hourly"), async |_| {
            anyhow::bail!("no paper")
        })
        .unwrap();
    kit.cron
        .add(
            Schedule::new("late-panic", "@hourly"),
            async |_| -> Result<()> { panic!("on fire") },
        )
        .unwrap();
    let early = |_| -> std::future::Ready<Result<()>> { panic!("before it began") };
    kit.cron
        .add(Schedule::new("panic", "@hourly"), early)
        .unwrap();
    let good = kit.note(Schedule::new("good", "@hourly"));
    kit.advance(3600).await;
    let mut errors = kit.errors();
    errors.sort();
    assert_eq!(
        errors,
        [
            "[cron/error] Plugin run reported: no paper",
            "[cron/late-panic] Plugin run reported: panicked: on fire",
            "[cron/panic] Plugin run reported: panicked: before it began",
        ]
    );
    assert_eq!(kit.info("panic").outcome, Some(Outcome::Panicked));
    kit.advance(3600).await;
    assert_eq!(
        (
            good.len(),
            kit.info("panic").counts.failed,
            kit.info("error").counts.failed
        ),
        (2, 2, 2)
    );
    kit.close().await;
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_dropped() {
    let kit = Kit::at("2026-01-01T00:00[UTC]").await;
    let clock = kit.time.clock();
    let schedule = Schedule::new("slow", "@hourly").timeout(std::time::Duration::from_secs(90));
    let task = move |_| {
        let clock = clock.clone();
        async move {
            clock.sleep(std::time::Duration::from_mins(10)).await;
            Ok(())
        }
    };
    kit.cron.add(schedule, task).unwrap();
    kit.advance(3600 + 89).await;
    assert_eq!(kit.info("slow").running, 1);
    kit.advance(1).await;
    assert_eq!(
        (kit.info("slow").running, kit.info("slow").outcome),
        (0, Some(Outcome::TimedOut))
    );
    assert_eq!(
        kit.errors(),
        ["[cron/slow] Plugin run reported: timed out after 90s: it was cancelled"]
    );
    kit.close().await;
}
