//! How the fields of a plugin start that are not requirements.
//!
//! Both traits are `Default` in the words of one attribute. rustc would suggest to derive `Default`,
//! also for types of other crates, and not to write a value.

/// How an `#[option]` without a value starts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an `#[option]` of type `{Self}` needs a default",
    label = "`{Self}` does not implement `Default`",
    note = "help: write `#[option(default = ..)]`, or `#[option(required)]` if the plugin is `collect = never`, or implement `Default` for `{Self}`"
)]
pub trait OptionDefault {
    fn start() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> OptionDefault for T {
    fn start() -> T {
        T::default()
    }
}

/// How a `#[local]` starts, and what it is set back to.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a `#[local]` of type `{Self}` needs a default",
    label = "`{Self}` does not implement `Default`",
    note = "help: write `Option<{Self}>`, which starts as `None`, or implement `Default` for `{Self}`"
)]
pub trait LocalDefault {
    fn start() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> LocalDefault for T {
    fn start() -> T {
        T::default()
    }
}
