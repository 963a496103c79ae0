//! `#[supplied]` goes on one type of this crate.

use bootstrap::supplied;

#[supplied("key")]
struct Keyed;

#[supplied]
struct Generic<T>(T);

#[supplied]
type Alias = Vec<u8>;

#[supplied]
fn function() {}

fn main() {}
