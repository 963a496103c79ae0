//! What a crate derives is required by a constant and bound in a field, and neither goes alone.

use bootstrap::extend::{Requirement, Requirements};
use bootstrap::prelude::*;

const NONE: &[Requirement] = &[];

#[plugin(requires = NONE)]
struct WithoutField;

impl Hooks for WithoutField {}

#[plugin]
struct WithoutConstant {
    requirements: Requirements,
}

impl Hooks for WithoutConstant {}

fn main() {}
