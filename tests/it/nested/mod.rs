//! Plugins that register plugins while they load.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::extend::{Descriptor, Plugin, States};
use bootstrap::prelude::*;
use support::Trace;

mod again;
mod declared;
mod deep;
mod failure;
mod graph;
mod life;
mod order;
mod planned;
mod scopes;
mod together;
mod unheard;

type Load =
    Arc<dyn Fn(LoadContext) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// A plugin whose `load` does something with its context, and notes what happens to it.
struct Nest {
    name: &'static str,
    trace: Trace,
    load: Load,
    load_timeout: Option<Duration>,
}

impl Nest {
    fn new<F, Fut>(name: &'static str, trace: &Trace, load: F) -> Self
    where
        F: Fn(LoadContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            name,
            trace: trace.clone(),
            load: Arc::new(move |cx| Box::pin(load(cx))),
            load_timeout: None,
        }
    }

    /// One that brings nothing with it.
    fn leaf(name: &'static str, trace: &Trace) -> Self {
        Self::new(name, trace, async |_| Ok(()))
    }

    fn load_timeout(mut self, limit: Duration) -> Self {
        self.load_timeout = Some(limit);
        self
    }
}

#[bootstrap::extend::async_trait]
impl Plugin for Nest {
    fn descriptor(&self) -> Descriptor {
        let descriptor = Descriptor::new(self.name);
        match self.load_timeout {
            Some(limit) => descriptor.load_timeout(limit),
            None => descriptor,
        }
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        self.trace.add(format_args!("load({})+", self.name));
        (self.load)(cx.clone()).await?;
        self.trace.add(format_args!("load({})-", self.name));
        Ok(States::new())
    }

    async fn close(&self, _: &CloseContext) -> Result<()> {
        self.trace.add(format_args!("close({})", self.name));
        Ok(())
    }
}

/// Waits for so many milliseconds.
async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
