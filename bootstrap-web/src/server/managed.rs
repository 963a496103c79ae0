//! The listener for management: open from the beginning of the boot to the end of the close.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::server::accept;
use crate::server::bind::Listener;
use crate::server::shared::Shared;

/// How long connections have to end, and those that are cut then: it takes one poll of each.
const END: Duration = Duration::from_millis(100);

/// A listener for management that accepts connections. Tasks of a plugin end before the app has closed, so it is none.
#[derive(Debug)]
pub(super) struct Managed(Arc<Shared>);

impl Managed {
    /// Accepts connections until [`end`](Self::end), or until the app has closed.
    pub(super) fn start(shared: Arc<Shared>, listeners: Vec<Listener>) -> Self {
        let (accepting, app) = (Arc::clone(&shared), shared.app.clone());
        let token = shared.connections.token();
        tokio::spawn(async move {
            let _token = token;
            tokio::select! {
                () = accept::run(Arc::clone(&accepting), listeners) => {}
                _ = app.closed() => {}
                () = accepting.cut.raised() => {}
            }
        });
        Self(shared)
    }

    /// Closes the sockets, so that they can be bound again.
    pub(super) async fn end(&self) {
        let Self(shared) = self;
        shared.closing.raise();
        let _ = timeout(END, shared.connections.wait()).await;
        shared.cut.raise();
        let _ = timeout(END, shared.connections.wait()).await;
    }
}
