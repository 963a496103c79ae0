//! The time for closing, and who gets how much of it.

use std::time::Duration;

use bootstrap::App;
use bootstrap::error::CloseError;
use bootstrap::report::{Outcome, Report};
use support::{Act, Probe, Trace, hangs, paused, register_graph, takes};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Closes a chain whose plugins close one after the other, the first one of `closes` first.
async fn close_chain(app: App, closes: Vec<Act>) -> (Result<Report, CloseError>, Duration) {
    let (trace, mut app) = (Trace::new(), app);
    let count = closes.len();
    let probes = closes.into_iter().rev().enumerate();
    let probes = probes
        .map(|(place, close)| Probe::new(format!("p{}", count - place), &trace).close(close))
        .collect();
    let needs: Vec<Vec<usize>> = (0..count)
        .map(|place| place.checked_sub(1).into_iter().collect())
        .collect();
    let edges: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
    register_graph(&mut app, probes, &edges);
    let running = app.boot().await.unwrap();
    let began = Instant::now();
    (running.close().await, began.elapsed())
}

/// How each of them closed, and how long it took.
fn split(report: &Report) -> Vec<(Outcome, Duration)> {
    (1..=report.plugins.len())
        .map(|place| {
            let close = &report.plugin(&format!("p{place}")).unwrap().close;
            (close.outcome, close.took.unwrap())
        })
        .collect()
}

/// S57: who comes last gets what the others have left, and the report shows who took how much.
#[test]
fn the_last_of_a_chain_closes_in_what_is_left_of_the_time() {
    let last_chance = Duration::from_millis(100);
    for (budget, shares) in [
        (
            15 * SECOND,
            [
                (Outcome::Done, 6 * SECOND),
                (Outcome::Done, 6 * SECOND),
                (Outcome::TimedOut, 3 * SECOND),
            ],
        ),
        (
            10 * SECOND,
            [
                (Outcome::Done, 6 * SECOND),
                (Outcome::TimedOut, 4 * SECOND),
                (Outcome::TimedOut, last_chance),
            ],
        ),
    ] {
        paused(async move {
            let app = App::new().shutdown_timeout(budget);
            let (closed, _) = close_chain(app, vec![takes(6_000); 3]).await;
            assert_eq!(split(closed.unwrap_err().report()), shares);
        });
    }
}

/// S60: also without any time, who needs little more than none closes.
#[test]
fn every_close_has_a_last_chance_when_the_time_is_up_from_the_start() {
    paused(async {
        let app = App::new().shutdown_timeout(Duration::ZERO);
        let (closed, took) = close_chain(app, vec![takes(50); 5]).await;
        assert_eq!(took, Duration::from_millis(250));
        let shares = split(&closed.unwrap());
        assert_eq!(shares, [(Outcome::Done, Duration::from_millis(50)); 5]);
    });
}

/// D34: without a word of the app, a hook has ten seconds and all of them thirty.
#[test]
fn a_close_takes_half_a_minute_at_most_unless_the_app_says_otherwise() {
    paused(async {
        let mut hooks = vec![hangs(); 4];
        hooks.push(takes(50));
        let (closed, took) = close_chain(App::new(), hooks).await;
        assert_eq!(took, 30 * SECOND + Duration::from_millis(150));
        let outcomes = split(closed.unwrap_err().report());
        let ten = (Outcome::TimedOut, 10 * SECOND);
        let chance = (Outcome::TimedOut, Duration::from_millis(100));
        let quick = (Outcome::Done, Duration::from_millis(50));
        assert_eq!(outcomes, [ten, ten, ten, chance, quick]);
    });
}
