//! When an app begins to stop.

use bootstrap::Handle;
use bootstrap::lifecycle::Status;

/// Waits until the app drains: before a plugin has its own turn to.
pub(crate) async fn draining(app: &Handle) {
    let mut watch = app.watch();
    while watch.status() < Status::Draining {
        if watch.changed().await.is_none() {
            break;
        }
    }
}
