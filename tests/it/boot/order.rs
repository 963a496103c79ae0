//! In which order plugins load, and which at the same time.

use std::sync::Arc;
use std::time::Duration;

use bootstrap::App;
use bootstrap::lifecycle::Status;
use support::{Probe, Trace, act, paused, register_graph, takes, threaded};
use tokio::sync::Barrier;
use tokio::time::Instant;

/// A2, R8, R65: every plugin loads after what it needs, whatever the order of registration.
#[test]
fn a_plugin_loads_after_what_it_needs() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let names = ["top", "left", "right", "bottom"];
        let probes = names
            .map(|name| Probe::new(name, &trace).load(takes(5)))
            .into();
        register_graph(&mut app, probes, &[&[1, 2], &[3], &[3], &[]]);
        let running = app.boot().await.unwrap();
        assert_eq!(
            trace.take(),
            [
                "load(bottom)+",
                "load(bottom)-",
                "load(left)+",
                "load(right)+",
                "load(left)-",
                "load(right)-",
                "load(top)+",
                "load(top)-",
            ]
        );
        running.close().await.unwrap();
    });
}

/// A3, A4, A38: the app runs once everything has loaded, and not before.
/// A9: nothing loads before the boot is awaited. A41: and then once. A39: there is no other form.
#[test]
fn nothing_loads_before_the_first_poll_and_everything_before_the_end() {
    paused(async {
        let trace = Trace::new();
        let app = App::new().with(Probe::new("a", &trace).load(takes(1)));
        let handle = app.handle();
        let boot = app.boot();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(handle.status(), Status::Configured);
        assert_eq!(trace.events(), Vec::<String>::new());
        let running = boot.await.unwrap();
        assert_eq!(handle.status(), Status::Ready);
        assert_eq!(trace.events(), ["load(a)+", "load(a)-"]);
        running.close().await.unwrap();
    });
}

/// S16: the two plugins in the middle of a diamond load at the same time: each waits for the other.
#[test]
fn independent_plugins_load_at_the_same_time() {
    async fn boot() {
        let trace = Trace::new();
        let barrier = Arc::new(Barrier::new(2));
        let meets = act(move || {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok(())
            }
        });
        let mut app = App::new();
        let probes = vec![
            Probe::new("top", &trace),
            Probe::new("left", &trace).load(meets.clone()),
            Probe::new("right", &trace).load(meets),
            Probe::new("bottom", &trace),
        ];
        register_graph(&mut app, probes, &[&[1, 2], &[3], &[3], &[]]);
        app.boot().await.unwrap().close().await.unwrap();
    }
    paused(boot());
    threaded(boot());
}

/// S17: no levels: what has all it needs does not wait for an unrelated slow one.
#[test]
fn a_plugin_starts_as_soon_as_its_own_needs_are_met() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = vec![
            Probe::new("quick", &trace).load(takes(1)),
            Probe::new("slow", &trace).load(takes(1_000)),
            Probe::new("user-of-quick", &trace),
        ];
        register_graph(&mut app, probes, &[&[], &[], &[0]]);
        app.boot().await.unwrap().close().await.unwrap();
        assert!(trace.is_before("load(user-of-quick)-", "load(slow)-"));
    });
}

/// S18: in a thousand orders of ends, nothing starts before both of its needs are there.
#[test]
fn a_plugin_waits_for_all_of_its_needs_in_any_order_of_their_ends() {
    paused(async {
        for seed in 0..1_000_u64 {
            let trace = Trace::new();
            let mut app = App::new();
            let time = |n: u64| takes(seed.wrapping_mul(6_364_136_223_846_793_005 + n) >> 61);
            let probes = vec![
                Probe::new("a", &trace).load(time(1)),
                Probe::new("b", &trace).load(time(2)),
                Probe::new("c", &trace).load(time(3)),
            ];
            register_graph(&mut app, probes, &[&[], &[], &[0, 1]]);
            app.boot().await.unwrap().close().await.unwrap();
            assert!(trace.is_before("load(a)-", "load(c)+"), "{trace:?}");
            assert!(trace.is_before("load(b)-", "load(c)+"), "{trace:?}");
        }
    });
}

#[test]
fn a_hundred_independent_waits_take_as_long_as_one() {
    paused(async {
        let trace = Trace::new();
        let probe = |n| Probe::new(format!("p{n:02}"), &trace).load(takes(10));
        let app = (0..100).fold(App::new(), |app, n| app.with(probe(n)));
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(12), "{took:?}");
        running.close().await.unwrap();
    });
}

#[test]
fn ten_layers_of_ten_take_as_long_as_ten() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probes = (0..100)
            .map(|n| Probe::new(format!("p{n:02}"), &trace).load(takes(10)))
            .collect();
        let needs: Vec<Vec<usize>> = (0..100_usize)
            .map(|n| match (n / 10).checked_sub(1) {
                Some(below) => (below * 10..below * 10 + 10).collect(),
                None => Vec::new(),
            })
            .collect();
        let edges: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
        register_graph(&mut app, probes, &edges);
        let began = Instant::now();
        let running = app.boot().await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_millis(120), "{took:?}");
        running.close().await.unwrap();
    });
}

/// A2: one after the other, in the order of the plan, for those who want it.
#[test]
fn a_serial_app_loads_in_the_order_of_the_plan_and_closes_in_reverse() {
    paused(async {
        let trace = Trace::new();
        let app = ["c", "a", "b"].into_iter().fold(App::new(), |app, name| {
            app.with(Probe::new(name, &trace).load(takes(3)).close(takes(2)))
        });
        let plan: Vec<_> = app
            .plan()
            .unwrap()
            .order()
            .map(|p| p.name().to_string())
            .collect();
        assert_eq!(plan, ["a", "b", "c"]);
        app.max_concurrency(1)
            .boot()
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        let expected = [
            "load(a)+",
            "load(a)-",
            "load(b)+",
            "load(b)-",
            "load(c)+",
            "load(c)-",
            "close(c)+",
            "close(c)-",
            "close(b)+",
            "close(b)-",
            "close(a)+",
            "close(a)-",
        ];
        assert_eq!(trace.events(), expected);
    });
}

#[test]
fn at_most_as_many_hooks_run_at_a_time_as_allowed() {
    paused(async {
        let trace = Trace::new();
        let probe = |n| Probe::new(format!("p{n}"), &trace).load(takes(10));
        let app = (0..7)
            .fold(App::new(), |app, n| app.with(probe(n)))
            .max_concurrency(3);
        app.boot().await.unwrap().close().await.unwrap();
        let mut at_once = 0_i32;
        let mut most = 0;
        for event in trace.events() {
            match event.as_bytes() {
                [b'l', .., b'+'] => at_once += 1,
                [b'l', .., b'-'] => at_once -= 1,
                _ => {}
            }
            most = most.max(at_once);
        }
        assert_eq!(most, 3);
    });
}
