//! Booting.

mod failure;
mod interrupt;
mod limits;
mod order;
mod ready;
mod retry;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
