use bootstrap::prelude::*;

#[plugin]
enum Choice {
    One,
}

#[plugin(name = "f")]
fn function() {}

#[plugin]
trait Trait {}

fn main() {
    // What was annotated is still there.
    let _ = Choice::One;
    function();
}
