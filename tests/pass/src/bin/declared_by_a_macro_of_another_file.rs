//! The file and the line of a plugin belong together: those of its tokens.

use bootstrap::extend::Plugin as _;
use bootstrap::prelude::*;

#[macro_use]
#[path = "../declares.rs"]
mod declares;

declare!();

fn main() {
    let location = Hidden.descriptor().location();
    assert!(location.file().ends_with("declares.rs"), "{location}");
    assert_eq!(location.line(), 6);
}
