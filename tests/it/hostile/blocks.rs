//! Threads that are held at the worst moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bootstrap::prelude::*;
use bootstrap::{App, BootErrorKind, Descriptor, Handle, HookError, HookFailure, Plugin, States};
use support::{Act, Probe, Trace, act, fails_after, hangs, paused, register_graph, threaded};

const SHORT: Duration = Duration::from_millis(50);

/// Blocks threads until it is dropped.
struct Block {
    _release: Sender<()>,
    blocked: Arc<Mutex<Receiver<()>>>,
}

impl Block {
    fn new() -> Self {
        let (release, blocked) = channel();
        Self {
            _release: release,
            blocked: Arc::new(Mutex::new(blocked)),
        }
    }

    fn holder(&self) -> Holder {
        Holder(Arc::clone(&self.blocked))
    }
}

/// Holds the thread that drops it.
struct Holder(Arc<Mutex<Receiver<()>>>);

impl Holder {
    fn hold(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.hold();
    }
}

fn ticking(ticks: &Arc<AtomicUsize>) -> Act {
    let ticks = Arc::clone(ticks);
    act(move || {
        let ticks = Arc::clone(&ticks);
        async move {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                ticks.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
}

/// Asks for a shutdown in the hook that it is told, and holds its thread then.
struct Asks {
    in_load: bool,
    holder: Mutex<Option<Holder>>,
}

impl Asks {
    fn ask(&self, handle: &Handle) {
        handle.shutdown();
        drop(self.holder.lock().unwrap().take());
    }
}

#[bootstrap::async_trait]
impl Plugin for Asks {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("asks")
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        if self.in_load {
            self.ask(&cx.handle());
        }
        Ok(States::new())
    }

    async fn run(&self, cx: &RunContext) -> Result<()> {
        tokio::task::yield_now().await;
        self.ask(&cx.handle());
        Ok(())
    }
}

/// What a hook has just woken is the next task of the thread that the hook then blocks.
#[test]
fn a_load_that_asks_for_a_shutdown_and_blocks_is_left_behind() {
    threaded(async {
        let block = Block::new();
        let plugin = Asks {
            in_load: true,
            holder: Mutex::new(Some(block.holder())),
        };
        let error = tokio::spawn(App::new().with(plugin).boot())
            .await
            .unwrap()
            .unwrap_err();
        assert!(error.is_abandoned(), "{error:?}");
    });
}

#[test]
fn a_task_that_asks_for_a_shutdown_and_blocks_is_left_behind() {
    threaded(async {
        let block = Block::new();
        let plugin = Asks {
            in_load: false,
            holder: Mutex::new(Some(block.holder())),
        };
        let running = App::new().close_timeout(SHORT).with(plugin).boot().await;
        let running = running.unwrap();
        running.wait().await;
        let error = running.close().await.unwrap_err();
        assert_eq!(error.abandoned().collect::<Vec<_>>(), ["asks"]);
    });
}

/// A load is dropped because another one failed, and blocks in the drop of what it holds.
#[test]
fn a_load_that_blocks_in_its_drop_does_not_hold_up_the_boot() {
    threaded(async {
        let block = Block::new();
        let blocked = Arc::clone(&block.blocked);
        let load = act(move || {
            let holder = Holder(Arc::clone(&blocked));
            async move {
                let _holder = holder;
                std::future::pending().await
            }
        });
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("fails", &trace).load(fails_after(20, "no")))
            .with(Probe::new("blocks", &trace).load(load));
        let error = tokio::spawn(app.boot()).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "[fails] Plugin load failed: no");
        assert!(error.is_abandoned());
    });
}

/// Several hooks of the app that block, one after the other, on every thread there is but one.
#[test]
fn hooks_of_the_app_that_block_end_with_the_time_for_closing() {
    threaded(async {
        let block = Block::new();
        let trace = Trace::new();
        let holder = block.holder();
        let app = App::new()
            .shutdown_timeout(SHORT)
            .with(Probe::new("a", &trace))
            .on_close(async |_| Ok(()))
            .on_close(async move |_| {
                holder.hold();
                Ok(())
            });
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let causes: Vec<_> = error.errors().iter().map(HookError::failure).collect();
        assert!(
            matches!(
                causes[..],
                [HookFailure::Abandoned { .. }, HookFailure::OutOfTime]
            ),
            "{error:?}"
        );
        assert_eq!(trace.count("close(a)-"), 1);
        drop(block);
    });
}

/// The time for closing is up while a `drain` blocks: everything else closes all the same.
#[test]
fn a_drain_that_blocks_keeps_nobody_else_from_closing() {
    threaded(async {
        let block = Block::new();
        let holder = block.holder();
        let blocks = act(move || {
            holder.hold();
            async { Ok(()) }
        });
        let trace = Trace::new();
        let ticks = Arc::new(AtomicUsize::new(0));
        let running = App::new()
            .shutdown_timeout(SHORT)
            .with(Probe::new("blocks", &trace).drain(blocks))
            .with(Probe::new("other", &trace).run(ticking(&ticks)))
            .boot()
            .await
            .unwrap();
        let error = running.close().await.unwrap_err();
        assert_eq!(error.abandoned().collect::<Vec<_>>(), ["blocks"]);
        assert_eq!(trace.count("close(other)-"), 1, "{error:?}");
        assert_eq!(Arc::strong_count(&ticks), 1, "its task is gone");
    });
}

/// However many drains hang, the tasks are told to stop, and are gone when the app has closed.
#[test]
fn no_task_outlives_a_close_that_ran_out_of_time() {
    paused(async {
        let trace = Trace::new();
        let ticks = Arc::new(AtomicUsize::new(0));
        let mut app = App::new().shutdown_timeout(Duration::from_secs(5));
        let mut probes = vec![Probe::new("ticks", &trace).run(ticking(&ticks))];
        probes.extend((0..12).map(|n| Probe::new(format!("p{n:02}"), &trace).drain(hangs())));
        let needs: Vec<Vec<usize>> = (0..13_usize)
            .map(|n| n.checked_sub(1).into_iter().collect())
            .collect();
        let edges: Vec<&[usize]> = needs.iter().map(Vec::as_slice).collect();
        register_graph(&mut app, probes, &edges);
        let error = app.boot().await.unwrap().close().await.unwrap_err();
        let lines: Vec<_> = error.errors().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines[0],
            "[p11] Plugin drain failed: timed out after 5 s, the time for closing"
        );
        assert_eq!(
            lines[1],
            "[p10] Plugin drain failed: timed out after 100 ms, what was left of the 5 s for closing"
        );
        assert_eq!(
            lines[2],
            "[ticks] Plugin drain failed: not begun: the time for closing was up"
        );
        assert_eq!(
            lines[13],
            "[ticks] Plugin run failed: timed out after 100 ms, what was left of the 5 s for closing"
        );
        assert_eq!(lines.len(), 14, "{lines:?}");
        assert_eq!(Arc::strong_count(&ticks), 1, "the task is gone");
        assert_eq!(trace.count("close(ticks)-"), 1);
    });
}

/// S60: a hundred hooks that hang cost one last chance, and not a hundred.
#[test]
fn hooks_of_the_app_share_what_is_left_when_the_time_is_up() {
    paused(async {
        let trace = Trace::new();
        let mut app = App::new()
            .shutdown_timeout(Duration::from_secs(1))
            .with(Probe::new("a", &trace));
        for _ in 0..100 {
            app = app.on_close(async |_| std::future::pending().await);
        }
        let running = app.boot().await.unwrap();
        let began = tokio::time::Instant::now();
        let error = running.close().await.unwrap_err();
        assert!(began.elapsed() <= Duration::from_millis(1_100));
        assert_eq!(error.errors().len(), 100, "nobody is forgotten");
        assert_eq!(trace.count("close(a)-"), 1);
    });
}

/// A future may wake itself to let others run. They must run then, those outside the app as well.
#[test]
fn a_load_that_wakes_itself_lets_everything_else_run() {
    fn wake_myself() -> impl Future<Output = ()> {
        let mut woken = false;
        std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut woken, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut app = App::new();
        app.register_fn("spins", async |_| {
            loop {
                wake_myself().await;
            }
        });
        let error = app.boot_timeout(SHORT).boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::TimedOut { .. }));
    });
}

/// On one thread nobody can interrupt a hook that works, but between two of them there is time.
#[test]
fn the_time_for_booting_ends_between_two_loads_that_never_wait() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut app = App::new().boot_timeout(Duration::from_millis(20));
        for n in 0..2_000 {
            app.register_fn(format!("p{n}"), async |_| {
                let began = std::time::Instant::now();
                while began.elapsed() < Duration::from_millis(5) {}
                Ok(())
            });
        }
        let error = app.boot().await.unwrap_err();
        assert!(matches!(error.kind(), BootErrorKind::TimedOut { .. }));
        assert!(error.not_started().len() > 1_900, "{error:?}");
    });
}

/// A request to stop cancels the hook of the app that runs, and waits for its end.
#[test]
fn an_on_start_hook_does_not_outlive_the_boot() {
    paused(async {
        let alive = Arc::new(());
        let theirs = Arc::clone(&alive);
        let trace = Trace::new();
        let app = App::new()
            .with(Probe::new("a", &trace))
            .on_start(async move |_| {
                std::future::pending::<()>().await;
                drop(theirs);
                Ok(())
            });
        let handle = app.handle();
        tokio::spawn(async move {
            tokio::time::sleep(SHORT).await;
            handle.shutdown();
        });
        let running = app.boot().await.unwrap();
        assert_eq!(Arc::strong_count(&alive), 1);
        running.close().await.unwrap();
    });
}

/// A descriptor may look at another registration: nothing is locked while it is asked.
#[test]
fn a_plugin_may_look_at_registrations_while_it_is_registered() {
    struct Named(bootstrap::Registration<Probe>);
    #[bootstrap::async_trait]
    impl Plugin for Named {
        fn descriptor(&self) -> Descriptor {
            Descriptor::new(format!("after-{}", self.0.name()))
        }
        async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
            Ok(States::new())
        }
    }
    let mut app = App::new();
    let probe = app.register(Probe::new("p", &Trace::new()));
    assert_eq!(app.register(Named(probe)).name(), "after-p");
}

/// S40: who listens to errors may hold its thread for ever: the app stops all the same.
#[test]
fn a_listener_that_blocks_does_not_keep_the_app_from_closing() {
    threaded(async {
        let block = Block::new();
        let holder = Arc::new(block.holder());
        let trace = Trace::new();
        let app = App::new()
            .shutdown_timeout(SHORT)
            .on_error(move |_| {
                holder.hold();
                async { Ok(()) }
            })
            .with(Probe::new("a", &trace))
            .with(Probe::new("fails", &trace).run(fails_after(1, "queue lost")));
        let running = tokio::spawn(app.boot()).await.unwrap().unwrap();
        running.wait().await;
        let error = tokio::spawn(running.close()).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "[fails] Plugin run failed: queue lost");
        assert_eq!(trace.count("close(a)-"), 1);
        drop(block);
    });
}
