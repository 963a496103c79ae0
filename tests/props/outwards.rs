//! What tests of scopes share: building them, and walking out of them.

use bootstrap::prelude::*;
use bootstrap::{Plugin, Registration, Scope};

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
    fn add<P: Plugin>(&mut self, plugin: P) -> Registration<P>;
    fn open(&mut self, name: String, build: impl FnOnce(&mut Scope<'_>));
}

impl Register for App {
    fn add<P: Plugin>(&mut self, plugin: P) -> Registration<P> {
        self.register(plugin)
    }

    fn open(&mut self, name: String, build: impl FnOnce(&mut Scope<'_>)) {
        self.scope(name, build);
    }
}

impl Register for Scope<'_> {
    fn add<P: Plugin>(&mut self, plugin: P) -> Registration<P> {
        self.register(plugin)
    }

    fn open(&mut self, name: String, build: impl FnOnce(&mut Scope<'_>)) {
        self.scope(name, build);
    }
}
