use bootstrap::prelude::*;

struct Rates(u32);
bootstrap::supplied!(Rates);

fn main() {
    let _ = State::<Rates>::set(Rates(1));
}
