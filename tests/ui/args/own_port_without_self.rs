use bootstrap::prelude::*;

trait Health: Send + Sync {}

#[plugin(ports = [dyn Health])]
struct Database;

impl Health for Database {}

impl Hooks for Database {}

fn main() {}
