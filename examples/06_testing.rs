//! A plugin tested with a fake in the place of another.
//!
//! Two ways: supply the state that it asks for, or register a stand-in for the plugin that makes
//! it. Neither loads the real one, nor what only that needed.

use bootstrap::prelude::*;

/// The time of day, in hours.
struct Clock(u32);

#[plugin(states = [Clock])]
struct SystemClock;

impl Hooks for SystemClock {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Clock> {
        unreachable!("no test may depend on the time of day")
    }
}

/// How to greet.
struct Greeting(&'static str);

/// What is to be tested.
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

#[tokio::test]
async fn greets_in_the_evening() -> Result<()> {
    // `only` is the plugin and what it needs; the supplied clock takes the place of the real one.
    let app = App::only(Greeter::default()).supply(Clock(20));
    let running = app.boot().await?;
    assert_eq!(running.state::<Greeting>()?.0, "good evening");
    running.close().await?;
    Ok(())
}

/// A plugin of its own in the place of the clock, for fakes that need more than a value.
#[plugin(states = [Clock], stands_in_for = SystemClock)]
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
    assert_eq!(running.state::<Greeting>()?.0, "good morning");
    running.close().await?;
    Ok(())
}
