//! What the kit adds to an app.

use std::sync::Arc;

use crate::app::App;
use crate::testing::fault::Fault;
use crate::testing::inject::Injector;
use crate::testing::record::{Record, Recorder};

/// With the feature `testing`.
impl App {
    /// Records what happens, from the boot to the end of the close.
    pub fn record(&mut self) -> Record {
        let recorder = Arc::new(Recorder::default());
        let record = Record::new(Arc::clone(&recorder));
        self.settings.observers.add(recorder);
        record
    }

    /// Makes something go wrong. Several faults may be in one app; of several in one hook, the first
    /// one that is not used up happens.
    ///
    /// A fault that could never happen fails the boot once everything has loaded: there is no such
    /// plugin, the plugin has no such hook, [`App::without_tasks`] leaves the hook out, or an earlier fault in
    /// the same hook happens every time. The error shows where the fault was made. A fault whose hook is
    /// not called in this test does not happen, and nothing reports that: assert what it was to cause.
    pub fn fault(mut self, fault: Fault) -> Self {
        Injector::add(&mut self.settings.rig, fault);
        self
    }

    /// Does in an order that follows from the seed what may be done in any: starts hooks that are
    /// free to begin, and goes on with those that wait no more. The same seed is the same order, on
    /// a current-thread runtime. With [`App::max_concurrency`] there is only one.
    pub fn seed(mut self, seed: u64) -> Self {
        Injector::prepare(&mut self.settings.rig);
        self.settings.rig.seed = Some(seed);
        self
    }

    /// Starts no background work: neither `run` hooks, nor what plugins spawn with
    /// [`cx.spawn`](crate::LoadContext::spawn). Code that waits for what such work would do waits
    /// for ever.
    pub fn without_tasks(mut self) -> Self {
        self.settings.rig.without_tasks = true;
        self
    }
}
