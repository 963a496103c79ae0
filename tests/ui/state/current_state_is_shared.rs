use std::cell::Cell;

use bootstrap::prelude::*;

fn main() {
    let _ = State::<Cell<u32>>::get();
    let _ = State::<Cell<u32>>::get_or_failed();
}
