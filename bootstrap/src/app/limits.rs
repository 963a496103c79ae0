//! How long things may take, and how many may be done at a time.

use std::time::Duration;

use crate::app::builder::App;

impl App {
    /// Limits how many hooks run at a time: `n`, where 0 counts as 1. Without it there is no limit.
    ///
    /// With 1, plugins load in the order of the [`Plan`](crate::plan::Plan) and close in exactly the
    /// reverse.
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// App::new().max_concurrency(1).boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_concurrency(mut self, n: usize) -> Self {
        self.settings.max_concurrency = n.max(1);
        self
    }

    /// How long the boot may take as a whole, with reading the configuration. Without it there is no
    /// limit.
    ///
    /// When the time is up, the loads that are under way are cancelled, what has loaded is closed,
    /// and `boot` returns an error that lists the plugins that were loading and those that waited. A load that blocks
    /// its thread instead of waiting is left behind, one second later. That takes a thread of the
    /// runtime that is not blocked: on a current-thread runtime, or when loads block all of them,
    /// nothing can end a boot.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new()
    ///     .boot_timeout(Duration::from_millis(50))
    ///     .with(plugin_fn("hangs", async |_| std::future::pending().await));
    /// let error = app.boot().await.unwrap_err();
    /// assert_eq!(error.code(), "BOOT011");
    /// # }
    /// ```
    pub fn boot_timeout(mut self, limit: Duration) -> Self {
        self.settings.boot_timeout = Some(limit);
        self
    }

    /// How long each `load`, each `ready` and each hook of the app while it boots
    /// ([`on_loaded`](App::on_loaded), [`on_ready`](App::on_ready), [`on_start`](App::on_start)) may take that has no limit of its own; also how long a
    /// [restart](crate::Handle::restart) may read the configuration. Without it there is no limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::plugin_fn;
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let app = App::new()
    ///     .load_timeout(Duration::from_millis(50))
    ///     .with(plugin_fn("hangs", async |_| std::future::pending().await));
    /// assert_eq!(
    ///     app.boot().await.unwrap_err().to_string(),
    ///     "[hangs] Plugin load failed: timed out after 50 ms"
    /// );
    /// # }
    /// ```
    pub fn load_timeout(mut self, limit: Duration) -> Self {
        self.settings.load_timeout = Some(limit);
        self
    }

    /// How long draining and closing may take as a whole: 30 s by default.
    ///
    /// When the time is up, what runs is cancelled, and each hook that is left gets a last chance of
    /// 100 ms: draining, tasks and [`on_close`](App::on_close) hooks for so
    /// long together, closing for a second. Two seconds after the limit it is over, and what has not closed is part of the
    /// error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// // Less than the time that the service manager grants before it sends SIGKILL.
    /// let app = App::new().shutdown_timeout(Duration::from_secs(20));
    /// app.boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.settings.shutdown_timeout = limit;
        self
    }

    /// How long each `drain`, each end of a `run` task, each `close` and each
    /// [`on_close`](App::on_close) hook may take that has no limit of its own: 10 s by default. One
    /// that takes longer is cancelled, and everything else goes on closing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use bootstrap::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// let app = App::new()
    ///     .close_timeout(Duration::from_millis(50))
    ///     .on_close(async |_| std::future::pending().await);
    /// let error = app.boot().await?.close().await.unwrap_err();
    /// assert_eq!(error.code(), "STOP004");
    /// # Ok(())
    /// # }
    /// ```
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.settings.close_timeout = limit;
        self
    }

    /// What happens when a part of the app was restarted and did not load again: it stays down, and
    /// the rest goes on. Without this, the app stops.
    ///
    /// See [`Handle::restart`](crate::Handle::restart).
    ///
    /// # Examples
    ///
    /// ```
    /// # use bootstrap::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// App::new().tolerate_failed_restarts().boot().await?.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tolerate_failed_restarts(mut self) -> Self {
        self.settings.tolerates_failed_restarts = true;
        self
    }
}
