//! Provides a state. Whoever links this crate names nothing of it but the state.

use bootstrap::prelude::*;

/// Where the numbers come from.
#[derive(Debug)]
pub struct Source(pub u32);

/// What is read from the source.
#[derive(Debug)]
pub struct Numbers(pub Vec<u32>);

#[plugin(name = "source", states = [Source])]
struct SourcePlugin {
    #[option(default = 3)]
    count: u32,
}

impl Hooks for SourcePlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Source> {
        Ok(Source(self.count))
    }
}

#[plugin(name = "numbers", states = [Numbers])]
struct NumbersPlugin {
    source: State<Source>,
}

impl Hooks for NumbersPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Numbers> {
        Ok(Numbers((0..self.source.0).collect()))
    }
}

/// What pages are written with.
#[derive(Debug)]
pub struct Ink(pub &'static str);

#[plugin(name = "ink", states = [Ink])]
struct InkPlugin;

impl Hooks for InkPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Ink> {
        Ok(Ink("ink"))
    }
}

/// What a child in this crate makes.
#[derive(Debug)]
pub struct Pages(pub String);

/// Registered by a plugin of another crate, which it can't name.
#[plugin(name = "pages", states = [Pages], collect = never)]
#[derive(Debug)]
pub struct PagesPlugin {
    ink: State<Ink>,
}

impl Hooks for PagesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Pages> {
        Ok(Pages(format!("pages in {}", self.ink.0)))
    }
}

/// The state of `Hub`.
#[derive(Debug)]
pub struct Center;

/// Registers what it is given, and knows none of that.
#[plugin(name = "hub", states = [Center], collect = never)]
#[derive(Debug)]
pub struct Hub {
    /// Called with its context.
    #[option(required)]
    pub register: fn(&LoadContext),
}

impl Hooks for Hub {
    async fn load(&mut self, cx: &mut LoadContext) -> Result<Center> {
        (self.register)(cx);
        Ok(Center)
    }
}

/// A state that nobody provides.
#[derive(Debug)]
pub struct Nobodys;

/// What is printed on pages.
#[derive(Debug)]
pub struct Printed(pub String);

/// A plugin that another crate makes: its field `ink` can't be written there.
#[plugin(states = [Printed], collect = never)]
#[derive(Debug)]
pub struct Printer {
    ink: State<Ink>,
    /// What to print.
    #[option(required)]
    text: String,
    /// How often.
    #[option(default = 1)]
    pub copies: usize,
    #[cfg(any())]
    #[option]
    pub missing: Missing,
    #[option(default = '.', setter = false)]
    end: char,
}

impl Printer {
    /// What is printed last.
    pub fn end(&self) -> char {
        self.end
    }
}

impl Hooks for Printer {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Printed> {
        let mut text = self.text.repeat(self.copies);
        text.push(self.end());
        Ok(Printed(format!("{text} in {}", self.ink.0)))
    }
}
