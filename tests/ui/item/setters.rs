//! A setter that is in the way, and an option without one.

use bootstrap::prelude::*;

#[plugin]
struct Http {
    #[option(default = 80)]
    port: u16,
    #[option(default = false)]
    default: bool,
    #[option(default = 8, setter = false)]
    workers: u32,
    #[option(default = 1, setter)]
    backlog: u32,
}

impl Hooks for Http {}

#[plugin(collect = never)]
struct Store {
    #[option(required)]
    file: String,
    #[option]
    new: bool,
}

impl Hooks for Store {}

fn main() {
    let _ = Http::default().port(81).workers(9);
    let _ = Store::new("file".into());
}
