//! Options that are read, in plugins of every shape.
#![deny(warnings)]

use bootstrap::prelude::*;
use bootstrap::secrecy::SecretString;
use serde::Deserialize;

/// Has no default.
#[derive(Deserialize)]
struct Size(u32);

#[derive(Deserialize)]
#[bootstrap::section("section")]
struct Section {
    size: Size,
    password: SecretString,
}

#[plugin(enabled = self::inner::is_wanted)]
struct Plain {
    section: State<Section>,
    #[option(config = "size")]
    size: Size,
    #[option(config = "name", default = "x".into())]
    name: String,
    #[cfg(not(any()))]
    #[option(config = "there")]
    there: Size,
    #[cfg(any())]
    #[option(config = "gone")]
    gone: Size,
    #[option]
    plain: u32,
    #[local]
    memory: Vec<u8>,
}

impl Hooks for Plain {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = (
            &self.size.0,
            &self.name,
            &self.there.0,
            self.plain,
            &self.memory,
        );
        let _ = (&self.section.size, &self.section.password);
        Ok(())
    }
}

mod inner {
    pub(super) fn is_wanted() -> bool {
        true
    }
}

/// The fields of a tuple, and a key without a default.
#[plugin(enabled = ("tuple.enabled", default = false), collect = never)]
struct Tuple(#[option(config = "tuple.size", default = 4)] u32);

impl Hooks for Tuple {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = self.0;
        Ok(())
    }
}

#[plugin(collect = never)]
struct Generic<T>
where
    T: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    #[option(config = "generic")]
    value: T,
}

impl<T> Hooks for Generic<T>
where
    T: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        let _ = &self.value;
        Ok(())
    }
}

fn main() {
    // Options that have a default leave the plugin its own.
    let _ = Tuple::default();
    let _ = Generic::<u32>::default();
    let configuration = bootstrap::Configuration::new()
        .set("size", 1)
        .set("there", 2)
        .set("section.size", 3)
        .set("section.password", "x");
    let plan = App::collect().configure(configuration).plan().unwrap();
    let names: Vec<String> = plan.order().map(|it| it.name().to_string()).collect();
    assert_eq!(names, ["config.section", "plain"]);
}
