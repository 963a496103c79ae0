//! Whole lives of apps, swept and drawn at random: every moment at which somebody may let go of
//! one, every place at which a hook may go wrong, and what a hundred of them leave behind.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

mod actor;
mod case;
mod faults;
mod hundred;
mod ledger;
mod nested;
mod oracle;
mod relations;
mod sweep;
mod ticks;
