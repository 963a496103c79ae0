//! The plugins of a booted app: where they live between their hooks.
//!
//! In comes a plan, and the plugins that were registered; every later stage takes a plugin out,
//! runs a hook of it, and notes here what happened. Reports and reads of states look in here.

mod account;
mod bind;
mod brought;
mod cell;
mod closes;
mod events;
mod family;
mod growth;
mod home;
mod hooks;
mod joined;
mod limits;
mod listeners;
mod nodes;
mod provided;
mod providers;
mod ready_queue;
mod refusal;
mod regions;
#[cfg(feature = "testing")]
mod rig;
#[cfg(feature = "testing")]
mod rigged;
mod settings;
mod shown;
mod switched;
mod take;
mod telling;
mod time_left;
mod ways;

pub(crate) use closes::CleanUp;
#[cfg(feature = "testing")]
pub(crate) use events::Observe;
pub(crate) use family::Done;
pub(crate) use growth::{Kept, Part, is_in};
pub(crate) use hooks::{AppHooks, Owner, Within, discard_all};
pub(crate) use listeners::Listeners;
pub(crate) use nodes::{Hook, Nodes, cause_of};
pub(crate) use ready_queue::Queued;
pub(crate) use regions::Absorber;
#[cfg(feature = "testing")]
pub(crate) use rig::{Rig, Stage, Unmet, Wrap};
pub(crate) use settings::{SLOW_BOOT, SLOW_CLOSE, Settings};
