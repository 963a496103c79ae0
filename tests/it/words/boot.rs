//! Boots that fail, and boots that take too long.

use std::time::Duration;

use anyhow::Context as _;
use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn};
use support::{Probe, Trace, act, fails, hangs, paused, register_graph, takes};

use super::{fails_to_boot, lines};

/// Probes of these names, of which one hangs and the others take 100 ms to load.
fn probes(names: &[&str], hanging: &str) -> Vec<Probe> {
    let trace = Trace::new();
    let probe = |name: &&str| {
        let probe = Probe::new(*name, &trace);
        probe.load(if *name == hanging {
            hangs()
        } else {
            takes(100)
        })
    };
    names.iter().map(probe).collect()
}

async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[test]
fn a_failure_is_told_with_the_ways_that_led_to_it() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let probe = |name: &str| Probe::new(name, &trace);
        let all = vec![
            probe("config").close(takes(20)),
            probe("kafka").load(fails("connection refused")),
            probe("billing"),
            probe("http"),
            probe("api"),
            probe("reports"),
            probe("audit"),
            probe("mail"),
        ];
        let edges: &[&[usize]] = &[&[], &[0], &[1], &[2], &[3], &[1], &[2], &[2]];
        register_graph(&mut app, all, edges);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [kafka] Plugin load failed: connection refused",
                "  not started: `api` <- `http` <- `billing` <- `kafka`",
                "  not started: `audit`, `mail` <- `billing`",
                "  not started: `reports` <- `kafka`",
                "  closed again: `config` (in 20 ms)",
                "  help: everything that had loaded has been closed; remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn what_waits_for_one_plugin_is_told_in_one_line() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let mut all = vec![Probe::new("base", &trace).load(fails("no"))];
        all.extend((10..25).map(|n| Probe::new(format!("p{n}"), &trace)));
        let edges = [&[][..], &[0]];
        let edges: Vec<&[usize]> = (0..16).map(|n| edges[usize::from(n > 0)]).collect();
        register_graph(&mut app, all, &edges);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [base] Plugin load failed: no",
                "  not started: `p10`, `p11`, `p12`, `p13`, `p14`, `p15`, `p16`, `p17`, `p18`, \
                 `p19` and 5 other plugins <- `base`",
                "  help: remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn a_long_way_is_told_by_its_ends() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new();
        let load = |n| if n == 10 { fails("no") } else { takes(0) };
        let all = (10..40).map(|n| Probe::new(format!("p{n}"), &trace).load(load(n)));
        let edges: Vec<Vec<usize>> = (0..30_usize)
            .map(|n| n.checked_sub(1).into_iter().collect())
            .collect();
        let edges: Vec<&[usize]> = edges.iter().map(Vec::as_slice).collect();
        register_graph(&mut app, all.collect(), &edges);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [p10] Plugin load failed: no",
                "  not started: `p39` <- `p38` <- `p37` <- `p36` <- `p35` <- `p34` <- (19 other \
                 plugins) <- `p14` <- `p13` <- `p12` <- `p11` <- `p10`",
                "  help: remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn a_boot_that_takes_too_long_says_who_loads_and_who_waits() {
    paused(async {
        let mut app = App::new().boot_timeout(Duration::from_secs(15));
        app.register(plugin_fn("slow", async |cx| {
            sleep(5_200).await;
            cx.progress("connecting to redis:6379");
            std::future::pending().await
        }));
        let all = probes(
            &["config", "db", "cache", "billing", "http", "reports"],
            "cache",
        );
        let edges: &[&[usize]] = &[&[], &[0], &[1], &[2], &[3], &[2]];
        register_graph(&mut app, all, edges);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT011]: boot stopped after 15 s: 2 plugins still loading, 3 wait for them",
                "  loading: `slow` for 15 s, last progress 9.8 s ago: connecting to redis:6379",
                "  loading: `cache` for 14.8 s",
                "  loaded: 2 plugins, slowest `db` 100 ms",
                "  waiting: `http` <- `billing` <- `cache`",
                "  waiting: `reports` <- `cache`",
                "  closed again: `db`, `config`",
                "  help: find out what these wait for, or raise `App::boot_timeout`; with a \
                 `load_timeout` of its own the one that hangs would fail sooner",
            ]
        );
    });
}

#[test]
fn a_parent_that_waits_for_its_child_says_so() {
    paused(async {
        let mut app = App::new().boot_timeout(Duration::from_secs(2));
        let http = app.register(plugin_fn("http", async |cx| {
            sleep(300).await;
            cx.register(plugin_fn("routes", async |_| std::future::pending().await))
                .await
        }));
        let admin = app.register(plugin_fn("admin", async |cx| {
            cx.register(plugin_fn("pages", async |_| std::future::pending().await));
            Ok(())
        }));
        app.register(plugin_fn("api", async |_| Ok(())))
            .after(&http);
        app.register(plugin_fn("web", async |_| Ok(())))
            .after(&admin);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT011]: boot stopped after 2 s: 3 plugins still loading, 2 wait for them",
                "  loading: `http` for 2 s, waits for `http/routes`",
                "  loading: `admin/pages` for 2 s",
                "  loading: `http/routes` for 1.7 s",
                "  loaded: 1 plugin, slowest `admin` 0 us",
                "  waiting: `web` <- `admin` <- `admin/pages`",
                "  waiting: `api` <- `http` <- `http/routes`",
                "  closed again: `admin`",
                "  help: find out what these wait for, or raise `App::boot_timeout`; with a \
                 `load_timeout` of its own the one that hangs would fail sooner",
            ]
        );
    });
}

#[test]
fn an_error_that_parents_hand_on_is_told_once() {
    paused(async {
        let mut app = App::new();
        let top = app.register(plugin_fn("top", async |cx| {
            cx.register(plugin_fn("middle", async |cx| {
                let bad = cx.register(plugin_fn("bad", async |_| anyhow::bail!("boom")));
                let loaded: Result<()> = bad.await;
                loaded.context("loading the routes")
            }))
            .await
        }));
        app.register(plugin_fn("later", async |_| Ok(())))
            .after(&top);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [top/middle/bad] Plugin load failed: boom",
                "  handed on by: `top/middle` (loading the routes), `top`",
                "  not started: `later` <- `top` <- `top/middle` <- `top/middle/bad`",
                "  help: remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn who_waits_for_a_parent_waits_for_the_child_that_failed() {
    paused(async {
        let mut app = App::new();
        let top = app.register(plugin_fn("top", async |cx| {
            cx.register(plugin_fn("bad", async |_| anyhow::bail!("boom")));
            Ok(())
        }));
        app.register(plugin_fn("later", async |_| Ok(())))
            .after(&top);
        let error = super::boot_error(app).await;
        assert_eq!(error.not_started()[0].because.as_ref().unwrap(), &"top/bad");
        assert_eq!(
            lines(&error.render()),
            [
                "error[BOOT010]: [top/bad] Plugin load failed: boom",
                "  not started: `later` <- `top` <- `top/bad`",
                "  closed again: `top`",
                "  help: everything that had loaded has been closed; remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn what_stands_behind_a_barrier_waits_for_what_failed_before_it() {
    paused(async {
        let mut app = App::new();
        let base = app.register(plugin_fn("base", async |_| anyhow::bail!("boom")));
        app.register(plugin_fn("beside", async |_| Ok(())))
            .after(&base);
        let mut app = app.barrier(async |_| Ok(()));
        app.register(plugin_fn("behind", async |_| Ok(())));
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT010]: [base] Plugin load failed: boom",
                "  not started: `behind` <- `barrier` <- `base`",
                "  closed again: `barrier`",
                "  help: everything that had loaded has been closed; remove the cause; if it is temporary, let `retry` try again",
            ]
        );
    });
}

#[test]
fn a_boot_that_is_cut_behind_its_loads_says_where() {
    paused(async {
        let app = App::new()
            .boot_timeout(Duration::from_secs(2))
            .on_loaded(async |_| std::future::pending().await);
        assert_eq!(
            fails_to_boot(app).await,
            [
                "error[BOOT011]: boot stopped after 2 s: an `on_loaded` hook was still running",
                "  cancelled: `app`",
                "  help: raise `App::boot_timeout`, or find out what took so long",
            ]
        );
    });
}

/// An error whose text ends with that of its source.
#[derive(Debug)]
struct Unreachable(std::io::Error);

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_cause_that_the_line_before_ends_with_is_not_repeated() {
    paused(async {
        let app = || {
            App::new().with(plugin_fn("cache", async |_| {
                let cause = std::io::Error::other("connection refused");
                Err(anyhow::Error::new(Unreachable(cause)).context("starting"))
            }))
        };
        assert_eq!(
            fails_to_boot(app()).await,
            [
                "error[BOOT010]: [cache] Plugin load failed: starting",
                "  caused by: no answer: connection refused",
                "  help: remove the cause; if it is temporary, let `retry` try again",
            ]
        );
        assert_eq!(
            super::boot_error(app()).await.to_string(),
            "[cache] Plugin load failed: starting: no answer: connection refused"
        );
    });
}

/// Says what to do about the cause, and not about the place: an address that is taken, no more files.
#[test]
fn the_help_of_a_failed_hook_follows_from_the_error_of_the_system() {
    use std::io;
    let fails_with = |number: i32| {
        act(move || async move {
            let error = io::Error::from_raw_os_error(number);
            Err(anyhow::Error::from(error).context("listening"))
        })
    };
    let helps = [
        (
            24,
            "the process has as many files and sockets open as it may: raise",
        ),
        (
            98,
            "another process has this address: end that, or configure",
        ),
        (28, "free some space where it writes"),
        (
            13,
            "the user that the process runs as may not do this: grant",
        ),
        (111, "remove the cause"),
    ];
    paused(async {
        let trace = Trace::new();
        for (number, help) in helps {
            let mut app = App::new();
            let base = app.register(Probe::new("base", &trace));
            app.register(Probe::new("http", &trace).load(fails_with(number)))
                .after(&base);
            let error = app.boot().await.unwrap_err().render();
            let expected = format!("\n  help: everything that had loaded has been closed; {help}");
            assert!(error.contains(&expected), "{error}");

            let app = App::new().with(Probe::new("file", &trace).close(fails_with(number)));
            let error = app
                .boot()
                .await
                .unwrap()
                .close()
                .await
                .unwrap_err()
                .render();
            let expected = format!("\n  help: everything else has closed; {help}");
            assert!(error.contains(&expected), "{error}");
        }
    });
}
