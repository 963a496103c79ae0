//! What deep nests cost, whether they load or fail.

use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bootstrap::error::BootError;
use bootstrap::prelude::*;
use bootstrap::{Retry, plugin_fn};
use support::paused;

type Loading = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// How each plugin of a nest brings the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Awaited,
    Flushed,
    Late,
    InScope,
    /// Awaited, beside a sibling that has loaded and has to be closed again.
    BesideALeaf,
    /// Awaited, and the innermost one is tried three times.
    Retried,
}

const ALL: [How; 6] = [
    How::Awaited,
    How::Flushed,
    How::Late,
    How::InScope,
    How::BesideALeaf,
    How::Retried,
];

fn nest(cx: LoadContext, depth: u32, how: How, fails: bool) -> Loading {
    Box::pin(async move {
        if depth == 0 {
            anyhow::ensure!(!fails, "the bottom");
            return Ok(());
        }
        let child = move |cx| nest(cx, depth - 1, how, fails);
        match how {
            How::Flushed => {
                cx.register(plugin_fn("c", child));
                cx.flush().await?;
            }
            How::Late => {
                cx.register(plugin_fn("c", child));
            }
            How::InScope => {
                cx.scope("s", |scope| scope.register(plugin_fn("c", child)))
                    .await?;
            }
            How::BesideALeaf => {
                cx.register(plugin_fn("leaf", async |_| Ok(()))).await?;
                cx.register(plugin_fn("c", child)).await?;
            }
            How::Retried if depth == 1 => {
                let waiting = Duration::from_secs(1);
                let retry = Retry::attempts(3).backoff(waiting, waiting);
                cx.register(Bottom { fails }).retry(retry).await?;
            }
            How::Awaited | How::Retried => {
                cx.register(plugin_fn("c", child)).await?;
            }
        }
        Ok(())
    })
}

#[plugin(name = "bottom", collect = never)]
struct Bottom {
    #[option(required)]
    fails: bool,
}

impl Hooks for Bottom {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        anyhow::ensure!(!self.fails, "the bottom");
        Ok(())
    }
}

fn boot(depth: u32, how: How, fails: bool) -> Result<(), BootError> {
    paused(async {
        let mut app = App::new();
        app.register(plugin_fn("root", move |cx| nest(cx, depth, how, fails)));
        app.boot().await?.close().await.unwrap();
        Ok(())
    })
}

/// The time that this thread has run, which other processes do not change much.
fn cpu() -> Duration {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let began = *BEGAN.get_or_init(Instant::now);
    let known = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let known = known.and_then(|text| text.split(' ').next()?.parse().ok());
    known.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// The least that a boot costs, of several.
fn cost(depth: u32, how: How, fails: bool) -> Duration {
    let costs = (0..3).map(|_| {
        let before = cpu();
        assert_eq!(boot(depth, how, fails).is_err(), fails);
        cpu().saturating_sub(before)
    });
    costs.min().unwrap()
}

/// Whether a cost is less than another one, times a factor. A machine that is busy makes either look
/// worse, so one of several attempts is enough: a cost of another order fails all of them.
fn is_less(cost_of: impl Fn() -> Duration, than: impl Fn() -> Duration, factor: u32) -> bool {
    (0..6).any(|_| cost_of() < than() * factor)
}

#[test]
fn a_failure_at_the_bottom_of_a_nest_costs_little_more_than_a_success() {
    for how in ALL {
        let fails = is_less(|| cost(300, how, true), || cost(300, how, false), 15);
        assert!(fails, "{how:?}");
    }
}

#[test]
fn a_nest_that_is_twice_as_deep_costs_less_than_four_times_as_much() {
    for how in ALL {
        for fails in [true, false] {
            let whole = is_less(|| cost(500, how, fails), || cost(250, how, fails), 4);
            assert!(whole, "{how:?}, {fails}");
        }
    }
}

#[test]
fn an_error_that_many_plugins_hand_on_is_shown_once_with_some_of_them() {
    let error = boot(15, How::Awaited, true).unwrap_err();
    let path = |depth| format!("root{}", "/c".repeat(depth));
    let first = format!("[{}] Plugin load failed: the bottom", path(15));
    assert_eq!(error.to_string(), first);
    assert_eq!(error.failures().len(), 16);
    let handed_on = (5..15).rev().map(|depth| format!("`{}`", path(depth)));
    let handed_on: Vec<String> = handed_on.collect();
    let line = format!(
        "handed on by: {} and 5 other plugins\n",
        handed_on.join(", ")
    );
    assert!(error.render().contains(&line), "{error:?}");

    // The text grows with the length of the names, and not with that times the depth.
    let len = |depth| boot(depth, How::Awaited, true).unwrap_err().render().len();
    assert!(len(200) < 3 * len(100));
}

/// A nest whose innermost plugin never loads.
fn hangs(cx: LoadContext, depth: u32) -> Loading {
    Box::pin(async move {
        if depth == 0 {
            return std::future::pending().await;
        }
        cx.register(plugin_fn("c", move |cx| hangs(cx, depth - 1)))
            .await?;
        Ok(())
    })
}

/// A limit further out ends a nest that is deep, on one thread.
#[test]
fn the_time_of_the_boot_ends_a_deep_nest() {
    paused(async {
        let mut app = App::new().boot_timeout(Duration::from_secs(5));
        app.register(plugin_fn("root", |cx| hangs(cx, 500)));
        let began = tokio::time::Instant::now();
        let error = app.boot().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        assert_eq!(error.cancelled().len(), 501);
    });
}
