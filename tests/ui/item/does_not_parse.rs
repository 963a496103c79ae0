use bootstrap::prelude::*;

#[plugin]
struct Server {
    pool State<Pool>,
}

fn main() {}
