//! `section!`.

/// Declares that types are sections of the configuration, and states: any plugin may ask for a
/// `State` of one.
///
/// The type is read with `serde`, which also says what is missing, what has a default
/// (`#[serde(default)]`) and what is optional. The value is there if the app has a configuration
/// ([`App::configure`](crate::App::configure)); nobody has to register anything. In a test,
/// [`supply`](crate::App::supply) another one.
///
/// A key that the type does not know is a fault of the plan, also without
/// `#[serde(deny_unknown_fields)]`. Without a key, as in `section!(Settings)`, the type is the
/// whole configuration. A type is one section, and of this crate. A field that asks for an
/// `Option<State<..>>` gets `None` if the configuration does not have the section.
///
/// The plugin that provides it is called `section Type`; restart it
/// ([`Handle::restart`](crate::Handle::restart)) to read the sources anew.
///
/// # Examples
///
/// ```
/// use bootstrap::prelude::*;
/// use bootstrap::secrecy::SecretString;
/// use bootstrap::{Configuration, section};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct DatabaseSection {
///     url: String,
///     password: SecretString,
///     #[serde(default)]
///     size: u32,
/// }
///
/// section!(DatabaseSection = "database");
///
/// #[plugin]
/// struct Database {
///     section: State<DatabaseSection>,
/// }
///
/// impl Hooks for Database {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         assert_eq!(self.section.url, "db.example");
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let configuration = Configuration::new()
///     .set("database.url", "db.example")
///     .set("database.password", "hunter2");
/// let app = App::new().with(Database::default()).configure(configuration);
/// app.boot().await?.close().await?;
///
/// let error = App::new()
///     .with(Database::default())
///     .configure(Configuration::new().environment("APP"))
///     .plan()
///     .unwrap_err();
/// assert_eq!(error.errors().len(), 2, "both that are missing");
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "config")]
#[macro_export]
macro_rules! section {
    ($section:ty) => {
        $crate::section!($section = "");
    };
    ($section:ty = $key:literal $(,)?) => {
        const _: () = {
            use $crate::__private as __bootstrap;

            const __LOCATION: $crate::Location =
                $crate::Location::new(::core::file!(), ::core::line!(), ::core::column!());

            static __DECLARED: __bootstrap::Declared = __bootstrap::Declared::new(
                __bootstrap::Declaration {
                    provides: &[__bootstrap::StateKey::of::<$section>()],
                    settings: &[__bootstrap::Setting {
                        field: "",
                        type_text: ::core::stringify!($section),
                        location: __LOCATION,
                        key: $key,
                        required: true,
                        access: &__bootstrap::section::<$section>(),
                    }],
                    is_section: true,
                    ..__bootstrap::Declaration::of::<__bootstrap::SectionPlugin<$section>>(
                        ::core::concat!("section ", ::core::stringify!($section)),
                        __LOCATION,
                        __bootstrap::Behaviour::section::<$section>(),
                    )
                },
                __LINK,
                ::core::option::Option::None,
            );
            const __LINK: __bootstrap::Link = __bootstrap::link_at!(new, 0, &__DECLARED);

            __bootstrap::inventory::submit! {
                __bootstrap::Sectioned(&__DECLARED.declaration)
            }

            impl __bootstrap::OnlyOnePluginMayProvide for $section {
                const PROVIDER: __bootstrap::Provider = __bootstrap::Provider::Plugin(__LINK);
            }
        };
    };
}

/// Declares that types are sections of the configuration. That takes the feature `config`.
#[cfg(not(feature = "config"))]
#[macro_export]
macro_rules! section {
    ($($any:tt)*) => {
        ::core::compile_error!(
            "sections take the feature `config` of `bootstrap`: write `bootstrap = { .., features = [\"config\"] }`"
        );
    };
}
