//! The plugins that require a generic state have no errors of their own.

use bootstrap::prelude::*;

#[supplied]
struct Table<T>(T);

#[plugin]
struct Http {
    table: State<Table<u8>>,
}

impl Hooks for Http {}

fn main() {
    let _ = App::new().supply(Table(7_u8)).with(Http::default());
}
