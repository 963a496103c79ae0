//! `verify!`: a test that an app plans, and holds the plugins that it is meant to hold.

use crate::app::builder::App;
use crate::app::outside::roster;
use crate::plan::differences;

/// What `verify!` takes as an app.
#[diagnostic::on_unimplemented(
    message = "`verify!` takes an `App`, and this is a `{Self}`",
    label = "not an `App`",
    note = "an expression that gives an app: `verify!(my_app());`; without one, it is `App::collect()`",
    note = "names of plugins stand in a list: `verify!([\"config\", \"database\"]);`"
)]
pub trait Verifiable {
    /// The app itself.
    fn into_app(self) -> App;
}

impl Verifiable for App {
    fn into_app(self) -> App {
        self
    }
}

/// What `verify!` takes as the name of a plugin.
#[diagnostic::on_unimplemented(
    message = "the list of `verify!` holds names of plugins, and this is a `{Self}`",
    label = "not a name",
    note = "write what messages call the plugin, as a string: `verify!([\"config\", \"database\"]);`"
)]
pub trait ListedName {
    /// The name.
    fn into_text(self) -> String;
}

impl ListedName for &str {
    fn into_text(self) -> String {
        self.to_owned()
    }
}

impl ListedName for String {
    fn into_text(self) -> String {
        self
    }
}

/// One name of a list: a call, so that what is no name is an error at its own tokens.
pub fn listed(name: impl ListedName) -> String {
    name.into_text()
}

/// Plans an app, and compares its plugins with a list, if there is one.
///
/// # Errors
///
/// Everything that is wrong, as the text with which `verify!` fails.
pub fn verify(app: impl Verifiable, list: Option<&[String]>) -> Result<(), String> {
    let app = app.into_app();
    let planned = app.plan();
    let mut blocks = Vec::new();
    if let Err(errors) = &planned {
        blocks.push(errors.render());
    }
    if let Some(list) = list {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        blocks.extend(differences(roster(&app.registry), &list));
    }
    if blocks.is_empty() {
        return Ok(());
    }
    if let Ok(plan) = &planned {
        let warnings = plan.warnings().iter();
        blocks.extend(warnings.map(|warning| format!("warning: {warning}")));
    }
    Err(blocks.join("\n\n"))
}

/// The body of the test that `verify!` makes.
///
/// # Panics
///
/// If something is wrong, with the whole diagnosis.
#[track_caller]
pub fn assert_verified(app: impl Verifiable, list: Option<&[String]>) {
    if let Err(diagnosis) = verify(app, list) {
        panic!("{diagnosis}");
    }
}

/// A test that the app plans and, given a list of names, that it holds exactly these plugins.
///
/// The compiler proves that every state has a provider. What it can't know is which crates the
/// linker keeps: one that nothing refers to is left out with all its plugins, without a word, as
/// when a `use` is tidied away. Nor does it know the provider of a [`Port`](crate::Port), or what is
/// supplied. This is one line for all that:
///
/// | form | the test |
/// |---|---|
/// | `verify!();` | `App::collect()` plans |
/// | `verify!(["config", "api"]);` | .. and holds these plugins, and no others |
/// | `verify!(my_app());` | an app of yours plans: one that supplies values, or has scopes |
/// | `verify!(my_app(), ["config", "api"]);` | .. and holds these plugins, and no others |
///
/// Each form makes a test of another name, so that a module may have one of each. For more, or for
/// attributes, give it a name: `verify!(the_admin_app_plans: admin_app(), ["config"]);`, or
/// `verify!(#[ignore = "slow"] the_app_holds: ["config"]);`.
///
/// # Where to put it
///
/// At the top level of a module, in the crate of `main`: in `main.rs` itself, or in its
/// `mod tests`. A test of another crate, also one in the folder `tests`, is a binary of its own,
/// which links what *it* refers to.
///
/// # Names
///
/// A name in the list is what messages call a plugin: with its scopes in front (`admin/config`).
/// Several instances are listed as one (`config`), which says nothing of their number, or each
/// (`config#1`, `config#2`). Values that are supplied and children that are
/// [declared](crate::guide::parts) may be listed, and need not be. Barriers, and what only a `load`
/// registers, are not part of a plan, and can't be.
///
/// # Panics
///
/// The test fails with everything that is wrong at once: the diagnosis of
/// [`PlanErrors`](crate::error::PlanErrors), names that are missing, with what is near and what to do, and
/// plugins that are not listed, with file and line. Warnings of the plan do not make it fail, and are
/// shown if it does; see [`App::unused`](crate::App::unused).
///
/// # Examples
///
/// ```test_harness
/// use bootstrap::prelude::*;
///
/// struct Config;
///
/// #[plugin(name = "config", states = [Config])]
/// struct ConfigPlugin;
///
/// impl Hooks for ConfigPlugin {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<Config> {
///         Ok(Config)
///     }
/// }
///
/// #[plugin(name = "api")]
/// struct Api {
///     config: State<Config>,
/// }
///
/// impl Hooks for Api {
///     async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
///         let _ = &*self.config;
///         Ok(())
///     }
/// }
///
/// // bootstrap::link!(..);
/// bootstrap::verify!(["api", "config"]);
///
/// fn serial_app() -> App {
///     App::collect().max_concurrency(1)
/// }
///
/// bootstrap::verify!(serial_app());
/// bootstrap::verify!(an_app_with_the_api_alone: App::only(Api::default()), ["api", "config"]);
/// bootstrap::verify!(
///     #[should_panic(expected = "missing: `databse`")]
///     a_slip_of_the_pen_is_told: ["api", "config", "databse"]
/// );
/// ```
///
/// In a function it would be a test that never runs, so it does not compile there:
///
/// ```compile_fail,E0425,test_harness
/// #[test]
/// fn the_app_is_fine() {
///     bootstrap::verify!();
/// }
/// ```
///
/// What is no app, and what is no name, is told in words:
///
/// ```compile_fail,E0277,test_harness
/// bootstrap::verify!("config");
/// ```
#[macro_export]
macro_rules! verify {
    (@test [$(#[$attr:meta])*] $test:ident, $($given:tt)+) => {
        $(#[$attr])*
        #[test]
        fn $test() {
            // In a function this is no path, and the test would never run.
            let _: fn() = self::$test;
            $crate::verify!(@check $($given)+);
        }
    };
    (@check $app:expr) => {
        $crate::__private::assert_verified($app, ::core::option::Option::None)
    };
    (@check $app:expr, [$($name:expr),* $(,)?]) => {
        $crate::__private::assert_verified(
            $app,
            ::core::option::Option::Some(&[$($crate::__private::listed($name)),*]),
        )
    };
    () => {
        $crate::verify!(@test [] the_collected_app_plans, $crate::App::collect());
    };
    ([$($name:expr),* $(,)?] $(,)?) => {
        $crate::verify!(
            @test [] the_collected_app_holds_the_listed_plugins,
            $crate::App::collect(), [$($name),*]
        );
    };
    ($(#[$attr:meta])* $test:ident : [$($name:expr),* $(,)?] $(,)?) => {
        $crate::verify!(@test [$(#[$attr])*] $test, $crate::App::collect(), [$($name),*]);
    };
    ($(#[$attr:meta])* $test:ident : $app:expr $(,)?) => {
        $crate::verify!(@test [$(#[$attr])*] $test, $app);
    };
    ($(#[$attr:meta])* $test:ident : $app:expr, [$($name:expr),* $(,)?] $(,)?) => {
        $crate::verify!(@test [$(#[$attr])*] $test, $app, [$($name),*]);
    };
    ($app:expr $(,)?) => {
        $crate::verify!(@test [] the_app_plans, $app);
    };
    ($app:expr, [$($name:expr),* $(,)?] $(,)?) => {
        $crate::verify!(@test [] the_app_holds_the_listed_plugins, $app, [$($name),*]);
    };
    ($($anything:tt)*) => {
        ::core::compile_error!(
            "`verify!` takes an app, or names of plugins in a list, or both: `verify!();`, \
             `verify!([\"config\", \"api\"]);`, `verify!(my_app());`, \
             `verify!(my_app(), [\"config\", \"api\"]);`, each with a name for the test if it \
             needs one: `verify!(the_admin_app_plans: admin_app());`"
        );
    };
}
