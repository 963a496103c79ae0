//! The plugins that the linker found. The only place that knows how.

use crate::declare::Declaration;

/// A plugin that is linked into this binary.
#[derive(Debug)]
pub struct Collected(pub &'static Declaration);

inventory::collect!(Collected);

/// A plugin that says who registers it while that loads, or whom it registers itself.
#[derive(Debug)]
pub struct Kin(pub &'static Declaration);

inventory::collect!(Kin);

/// All of them, in no particular order.
pub(crate) fn linked() -> impl Iterator<Item = &'static Declaration> {
    inventory::iter::<Collected>
        .into_iter()
        .map(|collected| collected.0)
}

/// All that say something about parents or children, in no particular order.
pub(super) fn linked_kin() -> impl Iterator<Item = &'static Declaration> {
    inventory::iter::<Kin>.into_iter().map(|kin| kin.0)
}

/// Names crates whose plugins nothing else refers to, so that the linker keeps them.
///
/// A plugin that another one needs is found through its state's type. One that nobody needs (an
/// HTTP server, a consumer) is only found if its crate is linked, and a crate that is never named
/// in the code is not, even if it is listed in `Cargo.toml`. Call this once, next to `main`.
///
/// # Examples
///
/// ```
/// # // The standard library stands in for the crates of an application here.
/// bootstrap::link!(std, core);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! link {
    ($($name:ident),+ $(,)?) => {$(
        #[allow(unused_extern_crates, unused_imports)]
        use $name as _;
    )+};
}
