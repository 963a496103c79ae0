//! Options that are read from the configuration, and sections as states.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde::de::DeserializeOwned;

use crate::base::location::Location;
use crate::declare::context::LoadContext;
use crate::declare::declaration::{Behaviour, Build, Declaration, Link};
use crate::declare::descriptor::Descriptor;
use crate::declare::hooks::HookSet;
use crate::declare::inject::Provides;
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
    /// Whether the value can be read.
    fn check(&self, layers: &Layers, key: &Key, known: &mut Known) -> Vec<Fault>;

    /// Reads the value into the field of `plugin`.
    fn set(&self, plugin: &mut dyn Any, layers: &Layers, key: &Key) -> Result<(), Vec<Fault>>;
}

/// The field of the plugin `P` with the type `T`.
#[doc(hidden)]
pub struct Configured<P, T> {
    project: fn(&mut P) -> &mut T,
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
    Configured { project }
}

impl<P: 'static, T: Readable> AnySetting for Configured<P, T> {
    fn check(&self, layers: &Layers, key: &Key, known: &mut Known) -> Vec<Fault> {
        T::read(layers, key, known).err().unwrap_or_default()
    }

    fn set(&self, plugin: &mut dyn Any, layers: &Layers, key: &Key) -> Result<(), Vec<Fault>> {
        let value = T::read(layers, key, &mut Known::default())?;
        if let Some(plugin) = plugin.downcast_mut() {
            *(self.project)(plugin) = value;
        }
        Ok(())
    }
}

impl<P: 'static, T: Readable> Configured<P, T> {
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
        let set = setting.access.set(plugin, layers, &key);
        set.map_err(|faults| first(faults, declaration, setting))?;
    }
    Ok(())
}

/// The first of several faults, with who reads it.
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
    pub fn get<T: Readable>(&self, field: &str) -> Result<T> {
        let mut settings = self.declaration.settings.iter();
        let setting = settings.find(|setting| setting.field == field);
        let setting = setting.context("no such option")?;
        let layers = self.outside.layers();
        let layers = layers.context("the app has no configuration")?;
        T::read(layers, &setting.key(None), &mut Known::default())
            .map_err(|faults| first(faults, self.declaration, setting))
    }
}

impl Behaviour {
    /// Of a plugin that needs the configuration to be made.
    #[doc(hidden)]
    pub const fn from_outside<P>() -> Self
    where
        P: FromOutside + crate::declare::hooks::Hooks + Send + Sync,
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
    pub const fn section<T: Section>() -> Self {
        Self {
            hooks: HookSet::NONE,
            build: Some(Build::Default(|| Arc::new(SectionPlugin::<T>::new()))),
        }
    }
}

/// A type that is a section of the configuration, and a state; see [`section!`](crate::section).
#[doc(hidden)]
pub trait Section: Readable + Send + Sync {
    const DECLARATION: &'static Declaration;
    const LINK: Link;
}

/// The plugin that provides a section.
#[doc(hidden)]
pub struct SectionPlugin<T> {
    value: Option<T>,
    section: PhantomData<fn() -> T>,
}

impl<T> SectionPlugin<T> {
    const fn new() -> Self {
        Self {
            value: None,
            section: PhantomData,
        }
    }
}

impl<T> fmt::Debug for SectionPlugin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionPlugin").finish_non_exhaustive()
    }
}

impl<T: Section> Provides<T> for SectionPlugin<T> {}

#[async_trait]
impl<T: Section> Plugin for SectionPlugin<T> {
    fn descriptor(&self) -> Descriptor {
        Descriptor::declared(T::DECLARATION)
    }

    fn configure(&mut self, outside: &Outside, prefix: Option<&str>) -> Result<()> {
        configure(self, T::DECLARATION, outside, prefix)
    }

    async fn load(&mut self, _: &mut LoadContext) -> Result<States> {
        let value = self.value.take();
        let value = value.context("the app has no configuration")?;
        Ok(States::new().with(value))
    }
}

/// How the value of a section gets into its plugin.
#[doc(hidden)]
pub struct SectionField<T>(PhantomData<fn() -> T>);

impl<T> SectionField<T> {
    #[allow(missing_docs, clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> fmt::Debug for SectionField<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionField").finish_non_exhaustive()
    }
}

impl<T: Section> AnySetting for SectionField<T> {
    fn check(&self, layers: &Layers, key: &Key, known: &mut Known) -> Vec<Fault> {
        T::read(layers, key, known).err().unwrap_or_default()
    }

    fn set(&self, plugin: &mut dyn Any, layers: &Layers, key: &Key) -> Result<(), Vec<Fault>> {
        let value = T::read(layers, key, &mut Known::default())?;
        if let Some(plugin) = plugin.downcast_mut::<SectionPlugin<T>>() {
            plugin.value = Some(value);
        }
        Ok(())
    }
}
