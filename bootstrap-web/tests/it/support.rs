//! Apps for tests.

use std::future::Future;

use bootstrap::Running;
use bootstrap::extend::IntoPlugin;
use bootstrap::prelude::*;
use bootstrap_web::prelude::*;
use bootstrap_web::testing::Client;

/// Boots an app with the web plugin, and closes it after the test.
pub(crate) fn with_client<F>(app: App, test: impl FnOnce(Client) -> F)
where
    F: Future<Output = ()>,
{
    run(async move {
        let running = boot(app).await;
        test(client(&running)).await;
        running.close().await.unwrap();
    });
}

/// The same for one set.
pub(crate) fn with_set<F>(set: impl IntoPlugin, test: impl FnOnce(Client) -> F)
where
    F: Future<Output = ()>,
{
    with_client(App::new().with(set), test);
}

pub(crate) async fn boot(app: App) -> Running {
    app.with(WebPlugin::default()).boot().await.unwrap()
}

pub(crate) fn client(running: &Running) -> Client {
    running.try_get::<State<Web>>().unwrap().client()
}

/// The text of the error with which an app does not boot.
pub(crate) fn boot_error(app: App) -> String {
    run(async {
        let error = app.with(WebPlugin::default()).boot().await.unwrap_err();
        format!("{error:?}")
    })
}

/// Runs a test with paused time.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test)
}
