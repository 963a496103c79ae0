//! The hooks of the app itself while it boots, and those that plugins add to them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::App;
use bootstrap::context::AppContext;
use bootstrap::error::BootError;
use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use support::{Act, Probe, Trace, takes};

mod hostile;
mod order;
mod plugins;
mod stops;

const SECOND: Duration = Duration::from_secs(1);

/// A hook that notes that it runs, then does as it is told.
fn notes(
    trace: &Trace,
    name: &'static str,
    act: Act,
) -> impl FnOnce(AppContext) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + use<> {
    let trace = trace.clone();
    move |_| {
        Box::pin(async move {
            trace.add(format_args!("{name}+"));
            act().await?;
            trace.add(format_args!("{name}-"));
            Ok(())
        })
    }
}

/// Adds hooks while it loads, then does as it is told.
struct Adds {
    name: &'static str,
    trace: Trace,
    /// What each hook does.
    hooks: Vec<(&'static str, Act)>,
    load: Act,
}

impl Adds {
    fn new(name: &'static str, trace: &Trace, hooks: Vec<(&'static str, Act)>) -> Self {
        Self {
            name,
            trace: trace.clone(),
            hooks,
            load: takes(0),
        }
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Adds {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.name).load_timeout(SECOND)
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        for (name, act) in &self.hooks {
            cx.on_ready(notes(&self.trace, name, Arc::clone(act)));
        }
        (self.load)().await?;
        Ok(States::new())
    }

    async fn ready(&self, _: &ReadyContext) -> Result<()> {
        self.trace.add(format_args!("ready({})", self.name));
        Ok(())
    }
}

/// What a boot that has failed says, and that it has closed what had loaded.
async fn fails_to_boot(app: App) -> BootError {
    let trace = Trace::new();
    let app = app.with(Probe::new("base", &trace));
    let error = app.boot().await.unwrap_err();
    assert_eq!(trace.count("close(base)-"), 1, "{error:?}");
    error
}
