//! Derived requirements are listed by a function and bound in a field, and neither goes alone.

use bootstrap::extend::Requirements;
use bootstrap::prelude::*;

#[plugin(requires = Vec::new)]
struct WithoutField;

impl Hooks for WithoutField {}

#[plugin]
struct WithoutFunction {
    requirements: Requirements,
}

impl Hooks for WithoutFunction {}

fn main() {}
