//! What has to be given back: handles for fakes and for users' code.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::testing::watch::{Watch, run_here};

/// Something that has to be closed exactly once, such as the connection of a fake database; from
/// [`resource`].
///
/// [`Resource::close`] closes it, and so does its drop if it is still open. [`explore`](super::explore)
/// reports one that was never closed, one that was closed twice, and one that its plugin held when
/// its `load` had returned and that is closed while a plugin is open that depends on that one.
/// Among the resources of one plugin any order is right: fields of a struct are dropped in the order
/// of their declaration, and there is no reason to turn that around.
pub struct Resource {
    watch: Option<Arc<Watch>>,
    id: usize,
    name: Cow<'static, str>,
}

/// Opens a resource. It belongs to the plugin whose hook or task opens it.
///
/// It is watched in [`explore`](super::explore), on the thread of the runtime; elsewhere it does
/// nothing.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::testing::{self, Resource};
///
/// struct Pool(Resource);
///
/// #[plugin(states = [Pool], collect = never)]
/// struct FakeDatabase;
///
/// impl Hooks for FakeDatabase {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Pool> {
///         Ok(Pool(testing::resource("connection")))
///     }
///
///     async fn close(&self, cx: &CloseContext<Self>) -> Result<()> {
///         cx.states().0.close();
///         Ok(())
///     }
/// }
///
/// testing::explore(|| App::new().with(FakeDatabase)).check();
/// ```
pub fn resource(name: impl Into<Cow<'static, str>>) -> Resource {
    let (watch, name) = (run_here(), name.into());
    let id = watch.as_ref().map(|watch| watch.open(name.to_string()));
    Resource {
        watch,
        id: id.unwrap_or_default(),
        name,
    }
}

impl Resource {
    /// Closes it. A second time is a finding of [`explore`](super::explore).
    pub fn close(&self) {
        self.end(false);
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn end(&self, is_drop: bool) {
        if let Some(watch) = &self.watch {
            watch.close(self.id, is_drop);
        }
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        self.end(true);
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resource").field(&self.name).finish()
    }
}
