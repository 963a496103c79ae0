use std::cell::Cell;

use bootstrap::RequestState;

static VISITS: RequestState<Cell<u32>> = RequestState::new();

fn main() {
    let _ = VISITS.get();
}
