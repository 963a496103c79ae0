use bootstrap::prelude::*;

trait Health: Send + Sync {}

#[plugin(ports = [self as dyn Health])]
struct Database;

impl Hooks for Database {}

fn main() {}
