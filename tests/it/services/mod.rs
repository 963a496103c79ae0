//! Services: made by factories once every plugin has loaded, read by their names.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bootstrap::App;
use bootstrap::context::AppContext;
use bootstrap::error::BootError;
use bootstrap::prelude::*;
use support::{Act, Probe, Trace};

mod hostile;
mod life;
mod read;

const SECOND: Duration = Duration::from_secs(1);

/// A service that notes when it is made and dropped.
#[derive(Debug)]
struct Noted {
    name: &'static str,
    trace: Trace,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.trace.add(format_args!("drop({})", self.name));
    }
}

/// A factory that notes that it runs, does as it is told, and makes a [`Noted`].
fn makes(
    trace: &Trace,
    name: &'static str,
    act: Act,
) -> impl FnOnce(AppContext) -> Pin<Box<dyn Future<Output = Result<Noted>> + Send>> + use<> {
    let trace = trace.clone();
    move |_| {
        Box::pin(async move {
            trace.add(format_args!("make({name})+"));
            act().await?;
            trace.add(format_args!("make({name})-"));
            Ok(Noted { name, trace })
        })
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
