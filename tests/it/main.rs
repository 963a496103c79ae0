//! One binary, one module for each room of the house.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test says what is wrong by failing"
)]

mod app_hooks;
mod barriers;
mod behaviours;
mod boot;
mod budget;
mod clock;
mod close;
mod closing;
mod conditions;
mod configuration;
mod current;
mod declare;
mod derived;
mod ends;
mod guide;
mod handle;
mod hostile;
mod layering;
mod log;
mod lookups;
mod made_fields;
mod made_from;
mod nested;
mod no_load;
mod owed;
mod own_limits;
mod own_ports;
mod plan;
mod ports;
mod public_face;
mod recover;
mod report;
mod request;
mod restart;
mod restart_after_close;
mod restart_refused;
mod run;
mod scoped_hooks;
mod scopes;
mod state;
mod supervise;
mod without;
mod words;
