//! Ground floor: the vocabulary that every stage speaks.
//!
//! Nothing here knows what a plugin does; nothing here fails.

pub(crate) mod apart;
pub(crate) mod diagnostic;
pub(crate) mod inside;
pub(crate) mod io_help;
pub(crate) mod key;
pub(crate) mod location;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod name;
pub(crate) mod panic;
pub(crate) mod phase;
pub(crate) mod pulse;
#[cfg(feature = "testing")]
pub(crate) mod random;
pub(crate) mod task;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod tracker;
