//! Background work that a plugin asks for.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use anyhow::Result;

use crate::declare::context::RunContext;
use crate::declare::supervision::Supervision;

pub(crate) type TaskFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Makes the future of a task, again for every restart.
pub(crate) type MakeTask = Box<dyn FnMut(RunContext) -> TaskFuture + Send>;

/// A task that is to be spawned.
pub(crate) struct TaskRequest {
    pub(crate) name: Cow<'static, str>,
    pub(crate) supervision: Supervision,
    pub(crate) make: MakeTask,
}

impl TaskRequest {
    /// Work that can be done once: it is never restarted.
    pub(crate) fn once<F, Fut>(name: Cow<'static, str>, task: F) -> Self
    where
        F: FnOnce(RunContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let mut task = Some(task);
        Self {
            name,
            supervision: Supervision::new(),
            make: Box::new(move |cx| match task.take() {
                Some(task) => Box::pin(task(cx)),
                None => Box::pin(async { Ok(()) }),
            }),
        }
    }

    pub(crate) fn supervised<F, Fut>(
        name: Cow<'static, str>,
        supervision: Supervision,
        task: F,
    ) -> Self
    where
        F: Fn(RunContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            name,
            supervision,
            make: Box::new(move |cx| Box::pin(task(cx))),
        }
    }
}
