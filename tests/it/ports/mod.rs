//! Ports: what anybody may provide, and who is meant by those who ask.

mod aim;
mod choice;
mod joined;
mod lazy;
mod plan;

use std::sync::Arc;

use bootstrap::error::{Mistake, PlanErrors};
use bootstrap::prelude::*;

/// An interface of which a plugin knows nothing but this.
trait Mailer: Send + Sync {
    fn name(&self) -> String;
}

struct Sends(String);

impl Mailer for Sends {
    fn name(&self) -> String {
        self.0.clone()
    }
}

/// Provides the port, and nothing else.
#[plugin(name = "mail", ports = [dyn Mailer], collect = never)]
struct Mail {
    #[option(required)]
    by: &'static str,
}

impl Mail {
    fn by(by: &'static str) -> Self {
        Self { by }
    }
}

impl Hooks for Mail {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Arc<dyn Mailer>> {
        Ok(Arc::new(Sends(self.by.into())))
    }
}

/// Who was meant by somebody that asked.
#[derive(Debug, PartialEq)]
struct Meant(Vec<String>);

#[plugin(name = "one", states = [Meant], collect = never)]
struct One {
    mailer: Port<dyn Mailer>,
}

impl Hooks for One {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Meant> {
        Ok(Meant(vec![self.mailer.name()]))
    }
}

struct Perhaps(Option<String>);

#[plugin(name = "optional", states = [Perhaps], collect = never)]
struct Optional {
    mailer: Option<Port<dyn Mailer>>,
}

impl Hooks for Optional {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Perhaps> {
        Ok(Perhaps(self.mailer.as_ref().map(|mailer| mailer.name())))
    }
}

/// Everybody who was meant, with their names.
struct Everybody(Vec<(String, String)>);

#[plugin(name = "all", states = [Everybody], collect = never)]
struct All {
    mailers: Ports<dyn Mailer>,
}

impl Hooks for All {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Everybody> {
        let all = self.mailers.iter();
        let all = all.map(|(plugin, mailer)| (plugin.to_string(), mailer.name()));
        Ok(Everybody(all.collect()))
    }
}

/// Whom somebody who asks for one gets.
async fn meant(app: App) -> Vec<String> {
    let running = app.boot().await.unwrap();
    let meant = running.try_get::<State<Meant>>().unwrap().0.clone();
    running.close().await.unwrap();
    meant
}

/// Whom somebody who asks for all gets.
async fn everybody(app: App) -> Vec<(String, String)> {
    let running = app.boot().await.unwrap();
    let all = running.try_get::<State<Everybody>>().unwrap().0.clone();
    running.close().await.unwrap();
    all
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(plugin, by): &(&str, &str)| ((*plugin).to_owned(), (*by).to_owned());
    all.iter().map(owned).collect()
}

/// The whole diagnosis of the only mistake, without the places in this file.
fn diagnosis(errors: &PlanErrors) -> String {
    assert_eq!(errors.errors().len(), 1, "{errors:?}");
    without_places(&errors.render())
}

/// `tests/it/ports/mod.rs:34:8` becomes `@`.
fn without_places(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("tests/it/ports/") {
        let (before, place) = rest.split_at(start);
        let end = place.find([')', ' ', '\n', ',']).unwrap_or(place.len());
        out.push_str(before);
        out.push('@');
        rest = &place[end..];
    }
    out + rest
}

fn messages(errors: &PlanErrors) -> Vec<String> {
    errors.errors().iter().map(Mistake::to_string).collect()
}
