use bootstrap::prelude::*;

#[bootstrap::supplied]
struct Rates(u32);

fn main() {
    let _ = State::<Rates>::set(Rates(1));
}
