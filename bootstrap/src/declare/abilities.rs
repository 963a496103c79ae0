//! What several contexts can do.

/// What every context has that may start background work.
macro_rules! spawns {
    ($($of:tt)*) => {
        $($of)* {
            /// Spawns background work that belongs to this plugin: it is told to stop before the
            /// plugin closes, and waited for, and cancelled if it takes too long. A failure or a
            /// panic of it stops the app; see [`Self::supervise`] for other policies.
            ///
            /// Messages call it `plugin/name`. It begins at once; if the boot fails, it is stopped
            /// like the rest. Once the plugin is being closed, the task is cancelled as it is
            /// made, with a warning in the log.
            ///
            /// # Examples
            ///
            /// ```
            /// use bootstrap::prelude::*;
            ///
            /// #[plugin]
            /// struct Mailer;
            ///
            /// impl Hooks for Mailer {
            ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            ///         cx.spawn("outbox", async |cx| {
            ///             // Work until it is time to stop, then finish.
            ///             cx.stopped().await;
            ///             Ok(())
            ///         });
            ///         Ok(())
            ///     }
            /// }
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<()> {
            /// # App::new().with(Mailer).boot().await?.close().await?;
            /// # Ok(())
            /// # }
            /// ```
            pub fn spawn<F, Fut>(&self, name: impl Into<Cow<'static, str>>, task: F)
            where
                F: FnOnce(RunContext) -> Fut + Send + 'static,
                Fut: Future<Output = Result<()>> + Send + 'static,
            {
                self.site.spawn(TaskRequest::once(name.into(), task));
            }

            /// Spawns background work, as [`Self::spawn`] does, with policies for its end. The
            /// closure is called again for every restart.
            pub fn supervise<F, Fut>(
                &self,
                name: impl Into<Cow<'static, str>>,
                supervision: Supervision,
                task: F,
            ) where
                F: Fn(RunContext) -> Fut + Send + 'static,
                Fut: Future<Output = Result<()>> + Send + 'static,
            {
                self.site
                    .spawn(TaskRequest::supervised(name.into(), supervision, task));
            }
        }
    };
}

macro_rules! configures {
    ($($of:tt)*) => {
        #[cfg(feature = "config")]
        $($of)* {
            /// Reads a value of the app's configuration: what is set at `key`, as of the boot, or
            /// of the last restart of a part.
            ///
            /// Options that are marked with `config` and sections are known to the plan, which
            /// tells all faults before anything has run. This is for keys that are known only now.
            ///
            /// # Errors
            ///
            /// If it is missing or of the wrong kind, or if the app has no configuration.
            #[track_caller]
            pub fn config<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigFault> {
                self.site.config(key, Location::caller())
            }

            /// Returns an error about the value of a key that is wrong for a reason that only shows now: a
            /// port that is taken, a file that can't be read. `wrong` says what is wrong, and `help` what to
            /// do about it. The message adds where the value is set, if it is: for the key of an option, below the
            /// [prefix](crate::Registration::config_prefix) of this plugin.
            ///
            /// # Examples
            ///
            /// ```
            /// use bootstrap::Configuration;
            /// use bootstrap::prelude::*;
            ///
            /// #[plugin(name = "templates")]
            /// struct Templates {
            ///     #[option(config = "templates.folder", default = String::new())]
            ///     folder: String,
            /// }
            ///
            /// impl Hooks for Templates {
            ///     async fn load(&mut self, cx: &mut LoadContext) -> Result<()> {
            ///         std::fs::read_dir(&self.folder).map_err(|error| {
            ///             let wrong = format!("can't open the folder `{}`: {error}", self.folder);
            ///             cx.config_error("templates.folder", wrong, "correct `templates.folder`")
            ///         })?;
            ///         Ok(())
            ///     }
            /// }
            ///
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let configuration = Configuration::new().set("templates.folder", "nowhere");
            /// let app = App::new().with(Templates::default()).configure(configuration);
            /// let text = app.boot().await.unwrap_err().render();
            /// assert!(text.contains("[templates] Plugin load failed: can't open the folder `nowhere`"));
            /// assert!(text.ends_with("help: correct `templates.folder`"));
            /// # }
            /// ```
            pub fn config_error(
                &self,
                key: &str,
                wrong: impl Into<String>,
                help: impl Into<String>,
            ) -> ConfigFault {
                let outside = self.site.home.told();
                let key = self.site.home.key_of(self.site.node, key);
                value_error(&outside, &key, wrong.into(), help.into())
            }
        }
    };
}

pub(super) use configures;
pub(super) use spawns;
