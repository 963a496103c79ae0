//! The plugins that the linker found. The only place that knows how.

use crate::base::key::StateKey;
use crate::declare::Declaration;

/// A plugin that is linked into this binary.
#[derive(Debug)]
pub struct Collected(pub &'static Declaration);

inventory::collect!(Collected);

/// A plugin that declares the plugin that registers it, or the ones that it registers itself.
#[derive(Debug)]
pub struct Kin(pub &'static Declaration);

inventory::collect!(Kin);

/// A plugin that provides a port and is never collected.
#[derive(Debug)]
pub struct Aside(pub &'static Declaration);

inventory::collect!(Aside);

/// A section of the configuration.
#[cfg(feature = "config")]
#[derive(Debug)]
pub struct Sectioned(pub &'static Declaration);

#[cfg(feature = "config")]
inventory::collect!(Sectioned);

/// All that may read a configuration, some of it twice, in no particular order.
#[cfg(feature = "config")]
pub(crate) fn linked_readers() -> impl Iterator<Item = &'static Declaration> {
    linked().chain(linked_kin()).chain(sections())
}

#[cfg(feature = "config")]
fn sections() -> impl Iterator<Item = &'static Declaration> {
    let sections = inventory::iter::<Sectioned>.into_iter();
    sections.map(|section| section.0)
}

#[cfg(not(feature = "config"))]
fn sections() -> impl Iterator<Item = &'static Declaration> {
    std::iter::empty()
}

/// All of them, in no particular order.
pub(super) fn linked() -> impl Iterator<Item = &'static Declaration> {
    inventory::iter::<Collected>
        .into_iter()
        .map(|collected| collected.0)
}

/// Every plugin of the binary that provides a port, by name: those that are collected, those that
/// others register, and those that are registered by hand only. Generic plugins are not known.
pub(crate) fn linked_at(port: StateKey) -> Vec<&'static Declaration> {
    if !port.is_port() {
        return Vec::new();
    }
    let aside = inventory::iter::<Aside>.into_iter().map(|aside| aside.0);
    let all = linked().chain(linked_kin()).chain(aside);
    let mut all: Vec<_> = all
        .filter(|it| it.replaces.is_none() || it.behaviour.build.is_some())
        .filter(|it| it.provides.contains(&port))
        .collect();
    all.sort_by_key(|it| (it.name, it.location));
    // A plugin that is collected may be a parent as well.
    all.dedup_by_key(|it| it.plugin.id);
    all
}

/// Those of a name, and sections.
pub(crate) fn linked_as(name: &str) -> Vec<&'static Declaration> {
    let all = linked().chain(sections());
    let mut all: Vec<_> = all.filter(|it| it.name == name).collect();
    all.sort_by_key(|it| it.location);
    all
}

/// All that say something about parents or children, in no particular order.
pub(super) fn linked_kin() -> impl Iterator<Item = &'static Declaration> {
    inventory::iter::<Kin>.into_iter().map(|kin| kin.0)
}

/// Names crates whose plugins nothing else refers to, so that the linker keeps them.
///
/// A plugin that another one needs is found through its state's type. One without dependents (an
/// HTTP server, a consumer), or that is needed at a [`Port`](crate::Port) only, is found if its crate
/// is linked, and a crate that is never named in the code is not, even if it is listed in
/// `Cargo.toml`. Call this once, next to `main`; a `use its_crate as _;` does the same. A module of a crate,
/// `link!(its_crate::server)`, links the whole crate, and is an error if a feature leaves the module out.
///
/// [`verify!`](crate::verify) is a test that notices when one of these links is taken away.
///
/// # Examples
///
/// ```
/// # // The standard library stands in for the crates of an application here.
/// bootstrap::link!(std, core, std::net);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! link {
    ($($name:ident $(:: $part:ident)*),+ $(,)?) => {$(
        #[allow(unused_extern_crates, unused_imports)]
        use $name $(:: $part)* as _;
    )+};
}
