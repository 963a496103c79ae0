//! Options that are read from the configuration, and sections as states.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde::de::DeserializeOwned;

use crate::base::location::Location;
use crate::declare::context::LoadContext;
use crate::declare::declaration::{Behaviour, Build, Declaration, Provider};
use crate::declare::descriptor::Descriptor;
use crate::declare::hooks::HookSet;
use crate::declare::inject::OneProviderPerState;
use crate::declare::outside::Outside;
use crate::declare::plugin::Plugin;
use crate::declare::states::States;
use crate::values::{Fault, Key, Known, Layers, Reads, read};

/// An option that is read from the configuration.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Setting {
    /// As written: `size`; empty for a section, which is all of its plugin.
    pub field: &'static str,
    /// As written: `u32`.
    pub type_text: &'static str,
    pub location: Location,
    pub key: &'static str,
    /// Whether it has no default.
    pub required: bool,
    pub access: &'static dyn AnySetting,
}

/// A type that can be read from the configuration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be read from the configuration",
    label = "not `Deserialize`",
    note = "derive `serde::Deserialize` for it: `#[derive(Deserialize)]`"
)]
pub trait Readable: Sized + 'static {
    #[doc(hidden)]
    fn read(layers: &Layers, key: &Key, known: &mut Known) -> Result<Self, Vec<Fault>>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + 'static> Readable for T {
    fn read(layers: &Layers, key: &Key, known: &mut Known) -> Result<Self, Vec<Fault>> {
        read(layers, key, known)
    }
}

/// The field of a plugin that a setting fills, without its types.
#[doc(hidden)]
pub trait AnySetting: fmt::Debug + Send + Sync {
    /// Reads the value, which has the type of the field.
    fn read(
        &self,
        layers: &Layers,
        key: &Key,
        known: &mut Known,
    ) -> Result<Box<dyn Any>, Vec<Fault>>;

    /// Puts a value that was read into the field of `plugin`.
    fn put(&self, plugin: &mut dyn Any, value: Box<dyn Any>);
}

/// The field of the plugin `P` with the type `T`.
#[doc(hidden)]
pub struct Configured<P, T> {
    project: fn(&mut P) -> &mut T,
    read: fn(&Layers, &Key, &mut Known) -> Result<T, Vec<Fault>>,
}

impl<P, T> fmt::Debug for Configured<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").finish_non_exhaustive()
    }
}

/// The one door through which generated code refers to a field that is read, so that a type that
/// can't be is one error.
#[doc(hidden)]
pub const fn configured<P, T: Readable>(project: fn(&mut P) -> &mut T) -> Configured<P, T> {
    let read = T::read;
    Configured { project, read }
}

/// The same door for the type of a section.
#[doc(hidden)]
pub const fn section<T: Readable>() -> Configured<SectionPlugin<T>, Option<T>> {
    Configured {
        project: |plugin| &mut plugin.value,
        read: |layers, key, known| T::read(layers, key, known).map(Some),
    }
}

impl<P: 'static, T: 'static> AnySetting for Configured<P, T> {
    fn read(
        &self,
        layers: &Layers,
        key: &Key,
        known: &mut Known,
    ) -> Result<Box<dyn Any>, Vec<Fault>> {
        (self.read)(layers, key, known).map(|value| Box::new(value) as Box<dyn Any>)
    }

    fn put(&self, plugin: &mut dyn Any, value: Box<dyn Any>) {
        if let (Some(plugin), Ok(value)) = (plugin.downcast_mut(), value.downcast()) {
            *(self.project)(plugin) = *value;
        }
    }
}

impl<P: 'static, T: 'static> Configured<P, T> {
    /// What it says in a declaration.
    pub const fn setting(
        &'static self,
        (field, type_text): (&'static str, &'static str),
        location: Location,
        key: &'static str,
        required: bool,
    ) -> Setting {
        Setting {
            field,
            type_text,
            location,
            key,
            required,
            access: self,
        }
    }
}

impl Setting {
    /// Where it stands in an instance of its plugin that is configured from `prefix`.
    pub(crate) fn key(&self, prefix: Option<&str>) -> Key {
        Key::parse(self.key).below(prefix)
    }

    /// The field as it is written.
    pub(crate) fn field_text(&self) -> Option<String> {
        (!self.field.is_empty()).then(|| format!("{}: {}", self.field, self.type_text))
    }
}

/// Fills the options of a plugin that the configuration has. Runs the user's code.
pub(crate) fn configure(
    plugin: &mut dyn Any,
    declaration: &Declaration,
    outside: &Outside,
    prefix: Option<&str>,
) -> Result<()> {
    let Some(layers) = outside.layers() else {
        return Ok(());
    };
    for setting in declaration.settings {
        let key = setting.key(prefix);
        if !setting.required && !crate::values::is_there(layers, &key) {
            continue;
        }
        let read = setting.access.read(layers, &key, &mut Known::default());
        let value = read.map_err(|faults| first(faults, declaration, setting))?;
        setting.access.put(plugin, value);
    }
    Ok(())
}

/// The first of several faults, with its reader.
fn first(faults: Vec<Fault>, declaration: &Declaration, setting: &Setting) -> anyhow::Error {
    let reads = Reads {
        plugin: declaration.name.into(),
        field: setting.field_text(),
        declared: setting.location,
    };
    Fault::first(faults).read_by(Some(&reads)).into()
}

/// A plugin whose options are partly without a default, made when the configuration is known.
#[doc(hidden)]
pub trait FromOutside: Plugin + Sized {
    /// # Errors
    ///
    /// If one of them can't be read.
    fn from_outside(values: &Values<'_>) -> Result<Self>;
}

/// Where the options of such a plugin come from.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Values<'l> {
    outside: &'l Outside,
    declaration: &'static Declaration,
}

impl Values<'_> {
    /// The value of an option.
    ///
    /// # Errors
    ///
    /// If it can't be read.
    pub fn get<T: 'static>(&self, field: &str) -> Result<T> {
        let mut settings = self.declaration.settings.iter();
        let setting = settings.find(|setting| setting.field == field);
        let setting = setting.context("no such option")?;
        let layers = self.outside.layers();
        let layers = layers.context("the app has no configuration")?;
        let key = setting.key(None);
        let read = setting.access.read(layers, &key, &mut Known::default());
        let value = read.map_err(|faults| first(faults, self.declaration, setting))?;
        let value = value.downcast().ok().context("an option of another type")?;
        Ok(*value)
    }
}

impl Behaviour {
    /// Of a plugin that needs the configuration to be made.
    #[doc(hidden)]
    pub const fn from_outside<P>() -> Self
    where
        P: FromOutside + crate::declare::hooks::Hooks, // help: write `impl Hooks` for the plugin
        P: Send + Sync, // help: threads share a plugin: hold a `Mutex` or an atomic instead of a `Cell`, an `Arc` instead of an `Rc`
    {
        Self {
            hooks: HookSet::of::<P>(),
            build: Some(Build::FromOutside(|outside| {
                let values = Values {
                    outside,
                    declaration: P::DECLARATION,
                };
                Ok(Arc::new(P::from_outside(&values)?))
            })),
        }
    }

    /// Of the plugin that provides a section.
    #[doc(hidden)]
    pub const fn section<T: OneProviderPerState>() -> Self {
        Self {
            hooks: HookSet::NONE,
            build: Some(Build::Default(|| Arc::new(SectionPlugin::<T>::new()))),
        }
    }
}

/// The plugin that provides a section.
#[doc(hidden)]
pub struct SectionPlugin<T> {
    value: Option<T>,
}

impl<T> SectionPlugin<T> {
    const fn new() -> Self {
        Self { value: None }
    }
}

impl<T> fmt::Debug for SectionPlugin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionPlugin").finish_non_exhaustive()
    }
}

impl<T: OneProviderPerState> SectionPlugin<T> {
    /// What `section!` wrote down.
    fn declaration() -> Option<&'static Declaration> {
        match T::PROVIDER {
            Provider::Plugin(link) => Some(link.declaration()),
            Provider::Supplied(_) => None,
        }
    }
}

#[async_trait]
impl<T: OneProviderPerState> Plugin for SectionPlugin<T> {
    fn descriptor(&self) -> Descriptor {
        match Self::declaration() {
            Some(declaration) => Descriptor::declared(declaration),
            None => Descriptor::new("section"),
        }
    }

    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        match Self::declaration() {
            Some(declaration) => configure(self, declaration, outside, prefix),
            None => Ok(()),
        }
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        let value = self.value.take();
        let value = value.context("the app has no configuration")?;
        Ok(States::new().with(value))
    }
}
