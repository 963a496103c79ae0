//! Code of users that misbehaves in ways nobody plans for.

mod alone;
mod blocks;
mod late;
mod panics;
mod runtime;
