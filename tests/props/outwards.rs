//! What tests of scopes share: building them, and walking out of them.

use bootstrap::extend::IntoPlugin;
use bootstrap::prelude::*;
use bootstrap::{Registration, Scope};

/// The scopes on the way from one to the app, the nearest first.
pub fn way_out(parents: &[usize], scope: usize) -> Vec<usize> {
    let mut way = vec![scope];
    while let Some(scope) = way.last().filter(|scope| **scope > 0) {
        way.push(parents[scope - 1]);
    }
    way
}

/// What an app and a scope have in common.
pub trait Register {
    fn add<P: IntoPlugin>(&mut self, plugin: P) -> Registration<P::Plugin>;
    fn open(&mut self, name: String, build: impl FnOnce(&mut Scope<'_>));
}

impl Register for App {
    fn add<P: IntoPlugin>(&mut self, plugin: P) -> Registration<P::Plugin> {
        self.register(plugin)
    }

    fn open(&mut self, name: String, build: impl FnOnce(&mut Scope<'_>)) {
        self.scope(name, build);
    }
}

impl Register for Scope<'_> {
    fn add<P: IntoPlugin>(&mut self, plugin: P) -> Registration<P::Plugin> {
        self.register(plugin)
    }

    fn open(&mut self, name: String, build: impl FnOnce(&mut Scope<'_>)) {
        self.scope(name, build);
    }
}
