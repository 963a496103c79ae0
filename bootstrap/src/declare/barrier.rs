//! Barriers: closures between what was registered before them and what after.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use crate::base::location::Location;
use crate::declare::app_hook::HookFuture;
use crate::declare::context::{LoadContext, Site};
use crate::declare::descriptor::Descriptor;
use crate::declare::hooks::HookSet;
use crate::declare::lookup::{LookupFrom, looks_up};
use crate::declare::plugin::Plugin;
use crate::declare::states::States;
use crate::life::Handle;
use crate::report::{HookError, Report};

/// What a barrier does about what went wrong before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierKind {
    /// It is called in any case, and the errors go on.
    Observe,
    /// It is called if there are errors, and they end here if it succeeds.
    Recover,
}

impl BarrierKind {
    /// What messages call such a barrier.
    fn name(self) -> &'static str {
        match self {
            BarrierKind::Observe => "barrier",
            BarrierKind::Recover => "recover",
        }
    }
}

/// A barrier as a plugin: one type for all of them, so that they are numbered as its instances.
pub(crate) struct Barrier {
    kind: BarrierKind,
    at: Location,
    /// A closure is `Send` but rarely `Sync`; this lock is never contended.
    call: Mutex<Option<Call>>,
}

type Call = Box<dyn FnOnce(BarrierContext) -> HookFuture + Send>;

impl Barrier {
    pub(crate) fn new<F, Fut>(kind: BarrierKind, at: Location, call: F) -> Self
    where
        F: FnOnce(BarrierContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let call: Call = Box::new(move |cx| Box::pin(call(cx)));
        Self {
            kind,
            at,
            call: Mutex::new(Some(call)),
        }
    }

    pub(crate) fn kind(&self) -> BarrierKind {
        self.kind
    }
}

#[async_trait]
impl Plugin for Barrier {
    fn descriptor(&self) -> Descriptor {
        Descriptor::at(self.kind.name().into(), self.at).hooks(HookSet::NONE)
    }

    fn is_once(&self) -> bool {
        true
    }

    async fn load(&mut self, cx: &mut LoadContext) -> Result<States> {
        let errors = cx.site().errors_before();
        if self.kind == BarrierKind::Recover && errors.is_empty() {
            return Ok(States::new());
        }
        let call = self
            .call
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .context("a barrier can be passed only once")?;
        call(BarrierContext::new(cx.site().clone(), errors)).await?;
        Ok(States::new())
    }
}

/// What [`App::barrier`](crate::App::barrier) and [`App::recover`](crate::App::recover) may use: what
/// went wrong before, and the app around. A cheap handle.
#[derive(Clone)]
pub struct BarrierContext {
    site: Site,
    errors: Arc<[HookError]>,
}

impl BarrierContext {
    fn new(site: Site, errors: Vec<HookError>) -> Self {
        Self {
            site,
            errors: errors.into(),
        }
    }

    fn from(&self) -> LookupFrom<'_> {
        self.site.from()
    }

    /// How it went up to here.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong since the barrier before this one.
    pub fn outcome(&self) -> Result<(), HookError> {
        self.errors.first().map_or(Ok(()), |it| Err(it.clone()))
    }

    /// Everything that went wrong since the barrier before this one, in the order in which it did.
    pub fn errors(&self) -> &[HookError] {
        &self.errors
    }

    /// A handle to the app, to keep or to ask for a shutdown with.
    ///
    /// Waiting for the app to close in here would wait for this very hook.
    pub fn handle(&self) -> Handle {
        self.site.handle()
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.handle().report()
    }
}

// Look-ups begin in the scope of the barrier.
looks_up!(impl BarrierContext);

impl fmt::Debug for BarrierContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierContext")
            .field("errors", &self.errors)
            .finish_non_exhaustive()
    }
}
