use std::cell::Cell;

use bootstrap::prelude::*;

fn main() {
    let _ = State::<Cell<u32>>::current();
    let _ = State::<Cell<u32>>::try_current();
}
