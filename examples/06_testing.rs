//! A plugin that is tested with a fake, and an app under every fault.
//!
//! There are two kinds of fakes: supply the state that the plugin requires, or register a replacement
//! for the plugin that provides it. Neither loads the real plugin, or what only that one requires.
//! The rest is the test kit, the feature `testing` of `bootstrap`.

use bootstrap::lifecycle::Phase;
use bootstrap::prelude::*;
use bootstrap::testing::{self, Fault};

/// The time of day, in hours.
struct Clock(u32);

#[plugin(states = [Clock])]
struct SystemClock;

impl Hooks for SystemClock {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> {
        unreachable!("no test may depend on the time of day")
    }
}

/// The greeting for a time of day.
struct Greeting(&'static str);

/// The plugin under test.
#[plugin(states = [Greeting])]
struct Greeter {
    clock: State<Clock>,
}

impl Hooks for Greeter {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Greeting> {
        Ok(Greeting(match self.clock.0 {
            5..12 => "good morning",
            12..18 => "good afternoon",
            _ => "good evening",
        }))
    }
}

#[test]
fn greets_in_the_evening() -> Result<()> {
    testing::paused(greets_at_eight())
}

async fn greets_at_eight() -> Result<()> {
    // `only` is the plugin and what it requires. The supplied clock replaces the real one.
    let app = App::only(Greeter::default()).supply(Clock(20));
    let running = app.boot().await?;
    assert_eq!(running.try_get::<State<Greeting>>()?.0, "good evening");
    running.close().await?;
    Ok(())
}

/// A plugin that replaces the clock, for fakes that need more than a value.
#[plugin(states = [Clock], replaces = SystemClock)]
struct StoppedClock {
    #[option(default = 8)]
    at: u32,
}

impl Hooks for StoppedClock {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> {
        Ok(Clock(self.at))
    }
}

#[tokio::test]
async fn greets_in_the_morning() -> Result<()> {
    let running = App::collect().with(StoppedClock::default()).boot().await?;
    assert_eq!(running.try_get::<State<Greeting>>()?.0, "good morning");
    running.close().await?;
    Ok(())
}

/// The plugin alone. The record shows exactly what happened.
#[test]
fn loads_and_closes() -> Result<()> {
    testing::paused(async {
        let mut app = App::new().with(Greeter::default()).supply(Clock(20));
        let record = app.record();
        app.boot().await?.close().await?;
        let greeter = record.of("greeter");
        greeter.assert_eq([
            "greeter: load",
            "greeter: load done",
            "greeter: close",
            "greeter: close done",
        ]);
        Ok(())
    })
}

/// A fault in the hook of another plugin.
#[test]
fn does_not_load_without_a_clock() {
    testing::paused(async {
        let mut app = App::collect().with(StoppedClock::default());
        let record = app.record();
        let broken = Fault::at("stopped-clock", Phase::Load).fail("the battery is flat");
        let error = app.fault(broken).boot().await.expect_err("it can't boot");
        assert_eq!(
            error.to_string(),
            "[stopped-clock] Plugin load failed: the battery is flat"
        );
        record.assert_never("greeter: load");
    });
}

/// The whole app under every fault: nothing is left open, and nothing hangs.
#[test]
fn survives_every_fault() {
    testing::explore(|| App::collect().with(StoppedClock::default())).check();
}
