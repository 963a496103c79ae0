//! What comes when the app takes nothing more.

use std::sync::{Arc, Mutex};

use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use bootstrap::{App, plugin_fn};
use support::{Trace, log_to, paused};

/// Keeps its context, and uses it in its `close`.
#[derive(Clone, Default)]
struct Keeps(Arc<Mutex<Option<LoadContext>>>);

#[bootstrap::extend::async_trait]
impl Plugin for Keeps {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new("keeps")
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        *self.0.lock().unwrap() = Some(cx.clone());
        Ok(States::new())
    }

    async fn close(&self, _: &CloseContext) -> Result<()> {
        let cx = self.0.lock().unwrap().clone().unwrap();
        cx.spawn("late", async |_| std::future::pending().await);
        let child = cx.register(plugin_fn("child", async |_| Ok(())));
        assert!(child.await.is_err());
        Ok(())
    }
}

/// S62: what is spawned, registered or left to be done when the app closes, or has, does not
/// happen, and the log says so.
#[test]
fn what_comes_too_late_is_refused_in_words() {
    let log = Trace::new();
    let _listening = log_to(&log);
    paused(async {
        let keeps = Keeps::default();
        let kept = Arc::clone(&keeps.0);
        let running = App::new().with(keeps).boot().await.unwrap();
        log.take();
        running.close().await.unwrap();
        let mut said = log.take();
        said.retain(|line| !line.starts_with("span"));
        assert_eq!(
            said,
            [
                "WARN [keeps/late] is cancelled: it was spawned when `keeps` was being closed",
                "ERROR [keeps] Plugin load failed: plugin `child` was registered by `keeps` when the app was stopping (shutdown was requested)",
            ]
        );
        let cx = kept.lock().unwrap().take().unwrap();
        let line = line!() + 1;
        cx.on_close(async |_| Ok(()));
        cx.spawn("later", async |_| Ok(()));
        assert_eq!(
            log.take(),
            [
                format!(
                    "WARN [keeps] has closed: its `on_close` hook (tests/it/words/late.rs:{line}) \
                     will not run"
                ),
                "WARN [keeps/later] will not run: it was spawned when the app had ended".to_owned(),
            ]
        );
    });
}
